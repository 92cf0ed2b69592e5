/** A path in the configuration file as people write it. */

/** `peers[0].asn`; the empty path is `the file`. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else text += text === '' ? String(step) : `.${String(step)}`
  }
  return text || 'the file'
}
