/** What shells are told: to ask the program itself, with the words up to the cursor, for what may stand there. Pure. */

export const SHELLS = ['bash', 'zsh', 'fish', 'kubectl'] as const
export type Shell = (typeof SHELLS)[number]

/** The hidden command. */
export const ASK = '__complete'

/** Files where nothing else may stand. */
const BASH = `# podroute completion bash: source <(podroute completion bash)
_podroute() {
  local line current="\${COMP_LINE:0:COMP_POINT}"
  local -a words
  read -ra words <<< "$current"
  # A blank before the cursor begins a word.
  [[ "$current" == *[[:space:]] ]] && words+=("")
  local word="\${words[-1]}" typed="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  while IFS= read -r line; do
    # Bash takes a word apart at each colon: what stands before it is there already.
    COMPREPLY+=("\${line#"\${word%"$typed"}"}")
  done < <("\${words[0]}" ${ASK} -- "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _podroute podroute
`

const ZSH = `#compdef podroute
# podroute completion zsh: source <(podroute completion zsh), or as _podroute in a folder of $fpath
_podroute() {
  local -a candidates
  candidates=("\${(@f)$("\${words[1]}" ${ASK} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${candidates[1]}" ]]; then compadd -a candidates; else _files; fi
}
if [[ "\${funcstack[1]}" == _podroute ]]; then _podroute "$@"; else compdef _podroute podroute; fi
`

const FISH = `# podroute completion fish | source
function __podroute_complete
  set -l words (commandline -opc) (commandline -ct)
  podroute ${ASK} -- $words[2..-1] 2>/dev/null
end
complete -c podroute -a '(__podroute_complete)'
`

/** kubectl asks a program of that name for its plugin: lines, and at the end that no files are meant. */
const KUBECTL = `#!/bin/sh
# kubectl podroute completion kubectl > kubectl_complete-podroute, to be executed, in a folder of the PATH
kubectl podroute ${ASK} -- "$@" 2>/dev/null
echo :4
`

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH, kubectl: KUBECTL }

export function isShell(name: string): name is Shell {
  return (SHELLS as readonly string[]).includes(name)
}

export function completionScript(shell: Shell): string {
  return SCRIPTS[shell]
}
