/**
 * Signatures that cosign verifies: ECDSA over SHA-256, in Base64. `cosign verify-blob --key cosign.pub --signature FILE.sig FILE`;
 * for an image, over what cosign calls its payload: `cosign attach signature --payload FILE --signature FILE.sig IMAGE`.
 */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
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
