/** Elements of our sets from nft syntax, as we write them, to the kernel's bytes: the other way round than read-elements.ts. Pure. */
import { readAddress } from '@podroute/address/address.ts'
import type { ElementBytes, ElementsWrite } from '@podroute/linux/nft/element-write.ts'
import type { ElementChange } from './api.ts'
import type { ElementField, ElementType } from './definition.ts'
import { FIELD_LENGTHS, PROTOCOLS, paddedLength } from './fields.ts'

const NUMBERS = new Map(Object.entries(PROTOCOLS).map(([number, name]) => [name, Number(number)]))
const GOTO = 'goto '
const DECIMAL = /^\d+$/
const HEX = /^0x[0-9a-f]+$/

/** Undefined for what is left to nft: sets of intervals, and texts that are no elements of the set, of which it says why. */
export function encodeChange({
  kind,
  set,
  type,
  elements,
  timeout,
}: ElementChange): ElementsWrite | undefined {
  if (type.interval) return undefined
  const found: ElementBytes[] = []
  for (const text of elements) {
    const bytes = encodeElement(text, type)
    if (!bytes) return undefined
    found.push(bytes)
  }
  return { kind, set, elements: found, timeout: kind === 'add' ? timeout : undefined }
}

function encodeElement(text: string, { key, value }: ElementType): ElementBytes | undefined {
  const [keyText = '', valueText] = text.split(' : ')
  const bytes = encodeFields(keyText, key)
  if (!bytes || (value === undefined) !== (valueText === undefined)) return undefined
  if (value === undefined || valueText === undefined) return { key: bytes }
  if (value === 'verdict')
    return valueText.startsWith(GOTO) ? { key: bytes, chain: valueText.slice(GOTO.length) } : undefined
  const data = encodeFields(valueText, value)
  return data && { key: bytes, data }
}

/** A field alone has its own length; in a concatenation each begins at a multiple of four bytes. */
function encodeFields(text: string, fields: readonly ElementField[]): Uint8Array | undefined {
  const texts = fields.length === 1 ? [text] : text.split(' . ')
  if (texts.length !== fields.length) return undefined
  const [only] = fields
  const length =
    fields.length === 1 ? FIELD_LENGTHS[only!] : fields.reduce((sum, field) => sum + paddedLength(field), 0)
  const bytes = new Uint8Array(length)
  let at = 0
  for (const [index, field] of fields.entries()) {
    if (!putField(bytes, at, field, texts[index]!)) return undefined
    at += paddedLength(field)
  }
  return bytes
}

/** False where the text is no such field. */
function putField(bytes: Uint8Array, at: number, field: ElementField, text: string): boolean {
  const length = FIELD_LENGTHS[field]
  switch (field) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return put(bytes, at, length, readAddress(text))
    case 'inet_proto':
      return putNumber(bytes, at, length, NUMBERS.get(text) ?? decimal(text))
    case 'inet_service':
      return putNumber(bytes, at, length, decimal(text))
    case 'mark': {
      // In the host's byte order, which is little-endian wherever we run.
      const number = HEX.test(text) ? Number(text) : decimal(text)
      if (!putNumber(bytes, at, length, number)) return false
      bytes.subarray(at, at + length).reverse()
      return true
    }
    case 'iface_index':
    case 'ether_addr':
    case 'nd_target':
      return false
  }
}

function put(bytes: Uint8Array, at: number, length: number, value: Uint8Array | undefined): boolean {
  if (value?.length !== length) return false
  bytes.set(value, at)
  return true
}

/** In network byte order. */
function putNumber(bytes: Uint8Array, at: number, length: number, number: number | undefined): boolean {
  if (number === undefined || number >= 2 ** (length * 8)) return false
  for (let index = 0; index < length; index++) bytes[at + index] = number / 2 ** (8 * (length - 1 - index))
  return true
}

function decimal(text: string): number | undefined {
  return DECIMAL.test(text) ? Number(text) : undefined
}
