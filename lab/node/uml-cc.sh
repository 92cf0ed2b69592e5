#!/bin/sh
# gcc for the kernel's files: first with the headers that most of them include, as uml-headers.ts has had them parsed, and with little
# optimization; where that fails, or there are no such headers, as the kernel's build has it.
#
# gcc takes precompiled headers only where the macros that they name are as they were when they were made: those with a file's name come after
# them, in a header of their own.
fast() {
  names=
  out=
  last=
  for word; do
    shift
    case $word in
    -D__ASSEMBLY__ | -D__ASSEMBLER__) return 1 ;;
    -DKBUILD_*=* | -D__KBUILD_*=*)
      name=${word%%=*}
      names="$names#define ${name#-D} ${word#*=}
"
      continue
      ;;
    esac
    [ "$last" = -o ] && out=$word
    last=$word
    set -- "$@" "$word"
  done
  [ -n "$names" ] && [ -n "$out" ] || return 1
  case $out in
  *.mod.o) headers=podroute-core.h ;;
  net/* | drivers/net/* | kernel/bpf/* | security/*) headers=podroute-network.h ;;
  *) headers=podroute-core.h ;;
  esac
  printf '%s' "$names" >"$out.names.h"
  gcc -include $headers "$@" -w -O1 -include "$out.names.h" 2>/dev/null
}

[ -d podroute-network.h.gch ] && fast "$@" || exec gcc "$@"
