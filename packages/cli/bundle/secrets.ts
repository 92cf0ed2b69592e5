/** Takes secrets out of what an archive shows: those that are known by their value, and whatever looks like one. Pure. */

/** In place of a secret. */
const REMOVED = '(removed)'

/** How names end whose value is a secret: `password`, `kube-router.io/peer.passwords`, `API_TOKEN`, `client-key-data`. Not `passwordFile`, which is a path, nor `key` alone. */
const ENDINGS = [
  'pass(?:word|wd|phrase)s?|secrets?|tokens?|credentials?|authorization|cookie',
  '(?:private|secret|access|api|auth|md5|tcp|client|server|tls|ssh|encryption)[-_.]?keys?(?:[-_.]?data)?',
  '(?:certificate|cert|ca)[-_.]?[\\w-]*data',
].join('|')
const NAME = new RegExp(`(?:${ENDINGS})$`, 'i')

/** What kubectl keeps of what it applied holds all again, as text. */
const COPIES = /^(kubectl\.kubernetes\.io\/last-applied-configuration|managedFields)$/

/** Names that end so and hold no secret. */
const HARMLESS =
  /^(automountServiceAccountToken|tokenReview|imagePullSecrets|secretName|secret|secrets|projected|serviceAccountToken|optional)$/

function isSecretName(name: string): boolean {
  return NAME.test(name) && !HARMLESS.test(name)
}

/** Shorter values would be found everywhere. */
const SHORTEST = 4

/** Secrets by value, as they stand in files: each line of it, too, and in base64. */
export function formsOf(values: Iterable<string>): readonly string[] {
  const forms = new Set<string>()
  for (const value of values)
    for (const part of [value, value.trim(), ...value.split('\n').map((line) => line.trim())]) {
      if (part.length < SHORTEST || /^-----/.test(part)) continue
      for (const encoding of ['base64', 'base64url', 'hex'] as const)
        forms.add(Buffer.from(part).toString(encoding).replace(/=+$/, ''))
      forms.add(part)
      forms.add(JSON.stringify(part).slice(1, -1))
    }
  // Longer ones first: a part of one may be another.
  return [...forms].sort((a, b) => b.length - a.length)
}

/** The object without the values of secret names, and without copies of itself. */
export function withoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value)
  if (Array.isArray(value)) return value.map(withoutSecrets)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([name]) => !COPIES.test(name))
  // A variable of an environment, a value of the configuration.
  const named = entries.find(([name, text]) => /^(name|path|key)$/.test(name) && typeof text === 'string')
  const isSecret = (name: string) =>
    isSecretName(name) || (name === 'value' && named !== undefined && isSecretName(String(named[1])))
  return Object.fromEntries(
    entries.map(([name, of]) => [name, isSecret(name) && isText(of) ? REMOVED : withoutSecrets(of)]),
  )
}

function isText(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || isTexts(value)
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

/** Up to the end of its quotes, of its brackets, or of the word or line. */
const VALUE = `\\\\?"(?:[^"\\\\\\n]|\\\\[^"\\n])*\\\\?"|'[^'\\n]*'|\\[[^\\]\\n]*\\]|[^\\s,}][^\\n,}]*`
/** `password: x`, `"token": "x"`, `--peer-router-passwords=x`, `API_TOKEN=x`. */
const ASSIGNED = new RegExp(
  `((?<![\\w./-])(?:--)?([\\w./-]*(?:${ENDINGS}))\\\\?["']?(?:\\s*[:=]\\s*|(?<=--[\\w-]+)[ \\t]+))(${VALUE})`,
  'gi',
)
const PEM = /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g
const JWT = /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g
const BEARER = /\b(Bearer|Basic)\s+[\w+/.=~-]{8,}/gi
/** `https://user:password@host` */
const IN_URL = /(\b[a-z][a-z+.-]*:\/\/)[^\s/@:]+:[^\s/@]+@/gi

export function cleanText(text: string): string {
  return text
    .replace(PEM, REMOVED)
    .replace(JWT, REMOVED)
    .replace(BEARER, `$1 ${REMOVED}`)
    .replace(IN_URL, `$1${REMOVED}@`)
    .replace(ASSIGNED, (whole, before: string, name: string) =>
      isSecretName(name) ? `${before}${REMOVED}` : whole,
    )
}

/** @param forms of the secrets that are known by value */
export function cleanFile(text: string, forms: readonly string[]): string {
  return cleanText(forms.reduce((left, form) => left.replaceAll(form, REMOVED), text))
}
