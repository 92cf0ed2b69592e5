import { expect } from 'chai'
import { flagsOf } from './uml-headers.ts'

const COMMAND = `savedcmd_net/ipv4/route.o := /lab/node/uml-cc.sh -Wp,-MMD,net/ipv4/.route.o.d -nostdinc -I./include -include ./include/linux/compiler-version.h -include ./include/linux/kconfig.h -D__KERNEL__ -O2    -DKBUILD_BASENAME='"route"' -D__KBUILD_MODNAME=route -c -o net/ipv4/route.o net/ipv4/route.c

source_net/ipv4/route.o := net/ipv4/route.c
`

describe('the precompiled headers of user-mode Linux', () => {
  it('are compiled with the flags of a file, without its names and what it includes', () => {
    expect(flagsOf(COMMAND).replaceAll(/ +/g, ' ').trim()).to.equal(`-nostdinc -I./include -D__KERNEL__ -O2`)
  })

  it('are not compiled with nothing, where the build says it in other words', () => {
    expect(() => flagsOf('cmd_net/ipv4/route.o := cc')).to.throw('how it compiled')
  })
})
