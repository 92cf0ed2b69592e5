/**
 * Signatures that cosign verifies: ECDSA over SHA-256. Bundles of Sigstore, which cosign takes since its version 3 and alone from 4 on; and, for
 * openssl and older ones, the plain signature in Base64: of a file, and of what cosign 2 calls the payload of an image. No transparency log
 * is told: who verifies has the key, and says so (`--insecure-ignore-tlog`).
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** Reads a PEM file; the password of an encrypted one is `$COSIGN_PASSWORD`. @throws Error that says which keys are taken */
export function readKey(path: string, password: string | undefined): KeyObject {
  const pem = readFileSync(path, 'utf8')
  if (pem.includes('ENCRYPTED SIGSTORE') || pem.includes('ENCRYPTED COSIGN'))
    throw new Error(
      `${path} is in cosign's own format: give the key that \`cosign import-key-pair\` takes (PEM)`,
    )
  const key = parseKey(path, pem, password)
  if (key.asymmetricKeyType !== 'ec')
    throw new Error(`${path} is a key for ${key.asymmetricKeyType}: cosign wants one of ECDSA (prime256v1)`)
  return key
}

function parseKey(path: string, pem: string, password: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: pem, ...(password === undefined ? {} : { passphrase: password }) })
  } catch (cause) {
    const { message } = cause as Error
    throw new Error(`${path} is no private key in PEM, or $COSIGN_PASSWORD is not its password: ${message}`, {
      cause,
    })
  }
}

export function signature(text: string, key: KeyObject): string {
  return sign('sha256', Buffer.from(text), key).toString('base64')
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('base64')

/** Of protobuf's JSON: fields of https://github.com/sigstore/protobuf-specs, version 0.3 of the bundle. */
function bundle(key: KeyObject, content: object): string {
  const publicKey = createPublicKey(key as unknown as Parameters<typeof createPublicKey>[0])
  const hint = sha256(publicKey.export({ type: 'spki', format: 'der' }))
  return JSON.stringify({
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint } },
    ...content,
  })
}

/** The signature of a file as `cosign sign-blob --bundle` writes it. */
export function fileBundle(text: string, key: KeyObject): string {
  const messageDigest = { algorithm: 'SHA2_256', digest: sha256(text) }
  return bundle(key, { messageSignature: { messageDigest, signature: signature(text, key) } })
}

const STATEMENT = 'application/vnd.in-toto+json'

/** The signature of an image as `cosign sign --bundle` writes it: a statement of in-toto in an envelope (DSSE) that names the digest alone. */
export function imageBundle(digest: string, key: KeyObject): string {
  const [algorithm = '', hex] = digest.split(':')
  const statement = JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ digest: { [algorithm]: hex } }],
    predicateType: 'https://sigstore.dev/cosign/sign/v1',
    predicate: {},
  })
  // What is signed of an envelope: its type and payload, each behind its length.
  const signed = `DSSEv1 ${STATEMENT.length} ${STATEMENT} ${statement.length} ${statement}`
  return bundle(key, {
    dsseEnvelope: {
      payload: Buffer.from(statement).toString('base64'),
      payloadType: STATEMENT,
      signatures: [{ sig: signature(signed, key) }],
    },
  })
}

/** What is signed of an image: its name and its digest, as containers/image's signatures have them. */
export function imagePayload(image: string, digest: string): string {
  return JSON.stringify({
    critical: {
      identity: { 'docker-reference': image },
      image: { 'docker-manifest-digest': digest },
      type: 'cosign container image signature',
    },
    optional: null,
  })
}
