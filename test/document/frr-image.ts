/** FRR's image without a registry: Debian's FRR of this machine, with the libraries that it and a shell need, as one archive. */
import { globSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from '../../lab/command.ts'

/** What docs/lab.md calls it. */
export const FRR_IMAGE = 'quay.io/frrouting/frr:10.2.1'
export const FRR_START = '/usr/lib/frr/docker-start'

const PROGRAMS = [
  ...['/usr/lib/frr/zebra', '/usr/lib/frr/bgpd', '/usr/bin/vtysh'],
  ...['/bin/sh', '/bin/mkdir', '/bin/chown', '/bin/sleep'],
]
/** Upstream's reads which daemons run in /etc/frr/daemons; these two always do here. */
const START = `#!/bin/sh -e
mkdir -p /run/frr
chown frr:frr /run/frr
/usr/lib/frr/zebra -d
/usr/lib/frr/bgpd -d
vtysh -b
exec sleep infinity
`

/** @param folder an empty one, for the files @returns path of the archive */
export async function frrArchive(folder: string): Promise<string> {
  const root = join(folder, 'root')
  const libraries = (await run('ldd', PROGRAMS)).match(/\/\S+\.so\S*/g) ?? []
  // Debian's shell of FRR asks PAM who may use it, upstream's does not.
  const pam = globSync('/lib/*/security/pam_permit.so')
  for (const file of new Set([...PROGRAMS, ...libraries, ...pam, '/etc/passwd', '/etc/group'])) {
    await mkdir(join(root, dirname(file)), { recursive: true })
    await run('cp', ['-L', file, join(root, file)])
  }
  for (const empty of ['tmp', 'run', 'proc', 'dev', 'sys', 'etc/frr', 'var/tmp/frr', 'var/log/frr'])
    await mkdir(join(root, empty), { recursive: true })
  await run('ln', ['-s', '/run', join(root, 'var/run')])
  await writeFile(join(root, FRR_START), START)
  await chmod(join(root, FRR_START), 0o755)
  await mkdir(join(root, 'etc/pam.d'))
  await writeFile(
    join(root, 'etc/pam.d/frr'),
    'auth sufficient pam_permit.so\naccount sufficient pam_permit.so\n',
  )
  const archive = join(folder, 'frr.tar')
  await run('tar', ['-C', root, '-cf', archive, '.'])
  return archive
}
