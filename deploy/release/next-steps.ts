/** What is left to whoever may: nothing of a release writes to a registry, or to another repository. */
import type { Release } from './artifacts.ts'
import { tagOf } from './checks.ts'

export function nextSteps({ version, image, out, images: { digest } }: Release, signed: boolean): string {
  const attach = `cosign attach signature --payload ${out}/image.sigstore.json ${image}@${digest}`
  return [
    `git push origin main ${tagOf(version)}`,
    `skopeo copy --all oci-archive:${out}/podroute-${version}.oci.tar docker://${image}:${version}`,
    signed ? attach : `cosign sign ${image}@${digest}`,
    '',
  ].join('\n')
}
