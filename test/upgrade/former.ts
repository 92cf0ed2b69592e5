/** An earlier commit's image and manifests, made by that commit's own build: what an upgrade starts from. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cached } from '../../lab/cache.ts'
import { attempt, run } from '../../lab/command.ts'
import { renameImage } from '../../lab/images/archive.ts'
import { REPOSITORY } from '../../lab/images/dist.ts'
import { PODROUTE_IMAGE } from '../../lab/images/podroute.ts'

const FORMER_IMAGE = 'localhost/podroute:former'
/** The ref to start from. Without it: the latest tag, and where there is none this commit. */
const REF_VARIABLE = 'UPGRADE_FROM'
/**
 * Agents since then end without a word to routers, which keep the routes until the next agent is there. Those before said goodbye: until
 * the next one had its sessions, 5 to 10 s here, what came from behind a router was lost. Nothing of pods and Services was.
 */
const WITHOUT_GOODBYE = '1023014d8dedb4df7f75d57247a50d4704413cd6'

/** Its lab knows how to build it, and what it is configured with there. */
const BUILD = `
import { buildPodrouteImage } from './lab/images/podroute.ts'
import { podrouteManifests } from './lab/scenarios/podroute.ts'
console.log(JSON.stringify({ archive: await buildPodrouteImage(), manifests: await podrouteManifests() }))
`

export interface Former {
  readonly commit: string
  /** The archive of its image, for nodes that have the present one too. */
  readonly archive: string
  readonly manifests: readonly object[]
}

async function git(...args: readonly string[]): Promise<string> {
  return (await run('git', args, { cwd: REPOSITORY })).trim()
}

async function formerCommit(): Promise<string> {
  const named = process.env[REF_VARIABLE]
  if (named) return git('rev-parse', '--verify', `${named}^{commit}`)
  const { code, stdout } = await attempt('git', ['describe', '--tags', '--abbrev=0'], { cwd: REPOSITORY })
  if (code === 0) return git('rev-parse', `${stdout.trim()}^{commit}`)
  return git('rev-parse', '--verify', `${WITHOUT_GOODBYE}^{commit}`)
}

export async function buildFormer(): Promise<Former> {
  const commit = await formerCommit()
  const { directory } = await cached('former', commit, (into) => build(commit, into))
  const manifests = JSON.parse(await readFile(join(directory, 'manifests.json'), 'utf8')) as object[]
  return { commit, archive: join(directory, 'podroute.tar'), manifests }
}

async function build(commit: string, into: string): Promise<void> {
  const tree = await mkdtemp(join(tmpdir(), 'podroute-former-'))
  try {
    await run('git', ['archive', '-o', join(tree, 'sources.tar'), commit], { cwd: REPOSITORY })
    await run('tar', ['-xf', 'sources.tar'], { cwd: tree })
    await run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: tree })
    const said = await run(process.execPath, ['--input-type=module', '-e', BUILD], { cwd: tree })
    const { archive, manifests } = JSON.parse(said.trim().split('\n').at(-1)!)
    await renameImage(archive, FORMER_IMAGE, join(into, 'podroute.tar'))
    const renamed = JSON.stringify(manifests).replaceAll(`"${PODROUTE_IMAGE}"`, `"${FORMER_IMAGE}"`)
    await writeFile(join(into, 'manifests.json'), renamed)
  } finally {
    await rm(tree, { recursive: true, force: true })
  }
}
