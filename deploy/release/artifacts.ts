/** The files of a release, beside the images: manifest, chart, kubectl's plugin, bills of materials, licences, checksums, signatures. */
import { createHash, type KeyObject } from 'node:crypto'
import { copyFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ARCHITECTURES } from '../../lab/images/emulated.ts'
import { buildPlugin } from '../kubectl-plugin.ts'
import { writeBillOfMaterials } from '../sbom.ts'
import { output, TOP } from './command.ts'
import type { Images } from './images.ts'
import { fileBundle, imageBundle, imagePayload, signature } from './signature.ts'

export interface Release {
  readonly version: string
  /** Name of the image, without the version. */
  readonly image: string
  readonly images: Images
  readonly out: string
  readonly created: Date
}

/** What the repository's manifest and chart say of the image. */
const DEVELOPMENT = 'localhost/podroute:dev'

/** @throws Error when there is nothing to replace */
function replaced(text: string, what: RegExp, by: string): string {
  if (text.search(what) < 0) throw new Error(`nothing in it is like ${what}`)
  return text.replace(what, by)
}

/** podroute.yaml with the image of this version. */
export function releasedManifest(text: string, image: string, version: string): string {
  return replaced(text, new RegExp(`image: ${DEVELOPMENT} #.*$`, 'gm'), `image: ${image}:${version}`)
}

/** values.yaml with the image of this version: the chart's own version. */
export function releasedValues(text: string, image: string): string {
  const named = replaced(text, /^ {2}repository: .*$/m, `  repository: ${image}`)
  return replaced(named, /^ {2}tag: .*$/m, '  tag: ""')
}

/** As `helm package` makes it: a folder with the chart's name. The same files give the same archive. */
function packChart({ version, image, out, created }: Release): void {
  const folder = mkdtempSync(join(tmpdir(), 'podroute-chart-'))
  try {
    const chart = join(folder, 'podroute')
    cpSync(join(TOP, 'deploy/helm/podroute'), chart, { recursive: true })
    const values = join(chart, 'values.yaml')
    writeFileSync(values, releasedValues(readFileSync(values, 'utf8'), image))
    const same = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX']
    const time = `--mtime=@${Math.floor(created.getTime() / 1000)}`
    const archive = join(out, `podroute-${version}.tgz`)
    output('tar', ...same, time, '--use-compress-program=gzip -n', '-C', folder, '-cf', archive, 'podroute')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Copies the images to their names in a release, and writes the rest. */
export async function writeArtifacts(release: Release): Promise<void> {
  const { version, image, images, out, created } = release
  const manifest = readFileSync(join(TOP, 'deploy/podroute.yaml'), 'utf8')
  writeFileSync(join(out, 'podroute.yaml'), releasedManifest(manifest, image, version))
  packChart(release)
  await buildPlugin(join(out, 'kubectl-podroute'), JSON.stringify(version))
  copyFileSync(join(TOP, 'THIRD-PARTY.md'), join(out, 'THIRD-PARTY.md'))
  copyFileSync(images.index, join(out, `podroute-${version}.oci.tar`))
  for (const architecture of ARCHITECTURES) {
    const archive = images.archives[architecture]
    copyFileSync(archive, join(out, `podroute-${version}-${architecture}.tar`))
    writeBillOfMaterials(archive, join(out, `podroute-${version}-${architecture}.spdx.json`), created)
  }
}

/** SHA256SUMS of all files, as `sha256sum -c` reads it. */
export function writeChecksums(out: string): void {
  const lines = readdirSync(out)
    .sort()
    .map(
      (name) =>
        `${createHash('sha256')
          .update(readFileSync(join(out, name)))
          .digest('hex')}  ${name}\n`,
    )
  writeFileSync(join(out, 'SHA256SUMS'), lines.join(''))
}

/** Of SHA256SUMS, and of the images' digest: signature.ts has how they are verified. */
export function writeSignatures({ out, image, images }: Release, key: KeyObject): void {
  const sums = readFileSync(join(out, 'SHA256SUMS'), 'utf8')
  writeFileSync(join(out, 'SHA256SUMS.sig'), signature(sums, key))
  writeFileSync(join(out, 'SHA256SUMS.sigstore.json'), fileBundle(sums, key))
  writeFileSync(join(out, 'image.sigstore.json'), imageBundle(images.digest, key))
  const payload = imagePayload(image, images.digest)
  writeFileSync(join(out, 'image.payload.json'), payload)
  writeFileSync(join(out, 'image.payload.json.sig'), signature(payload, key))
}
