// The OPEN message (RFC 4271 4.2) with extended optional parameters (RFC 9072).
import { NotificationError } from '../errors.ts'
import { type Capability, decodeCapabilities, encodeCapability } from './capabilities.ts'
import { AS_TRANS, ERROR, OPEN_ERROR } from './codes.ts'
import { OutOfBounds, type Reader } from './reader.ts'
import { Writer } from './writer.ts'

export interface Open {
  /** The AS number of the four-octet-as capability, else that of the OPEN (RFC 6793). */
  readonly asn: number
  /** Proposed hold time in seconds. */
  readonly holdTime: number
  readonly routerId: number
  readonly capabilities: readonly Capability[]
}

const VERSION = 4
const PARAMETER_CAPABILITIES = 2
const PARAMETER_EXTENDED = 255

//  | Version | My AS (2) | Hold Time (2) | BGP Identifier (4) | Opt Len | Optional Parameters

/** Decodes the body. The state machine checks the peer's AS number. @throws NotificationError as in RFC 4271 section 6.2. */
export function decodeOpen(reader: Reader): Open {
  const version = reader.u8()
  if (version !== VERSION) {
    throw new NotificationError(
      ERROR.OPEN,
      OPEN_ERROR.VERSION,
      `version ${version}`,
      Uint8Array.of(0, VERSION),
    )
  }
  const shortAsn = reader.u16()
  const holdTime = reader.u16()
  const routerId = reader.u32()
  if (holdTime === 1 || holdTime === 2) throw openError(OPEN_ERROR.HOLD_TIME, `hold time ${holdTime}`)
  if (routerId === 0) throw openError(OPEN_ERROR.BGP_IDENTIFIER, 'BGP identifier 0.0.0.0')
  const capabilities = decodeParameters(reader)
  const wide = capabilities.find((capability) => capability.kind === 'four-octet-as')
  const asn = wide === undefined ? shortAsn : wide.asn
  if (asn === 0) throw openError(OPEN_ERROR.PEER_AS, 'AS number 0')
  return { asn, holdTime, routerId, capabilities }
}

function openError(subcode: number, message: string): NotificationError {
  return new NotificationError(ERROR.OPEN, subcode, message)
}

function decodeParameters(reader: Reader): Capability[] {
  try {
    let length = reader.u8()
    let wide = false
    // RFC 9072 section 2: a first parameter of type 255 means that lengths have two bytes.
    if (length !== 0 && reader.left() >= 3 && reader.bytes[reader.offset] === PARAMETER_EXTENDED) {
      reader.u8()
      length = reader.u16()
      wide = true
    }
    if (reader.left() !== length) throw openError(OPEN_ERROR.UNSPECIFIC, 'length of the optional parameters')
    const capabilities: Capability[] = []
    while (reader.left() > 0) {
      const type = reader.u8()
      const value = reader.sub(wide ? reader.u16() : reader.u8())
      if (type !== PARAMETER_CAPABILITIES)
        throw openError(OPEN_ERROR.OPTIONAL_PARAMETER, `optional parameter ${type}`)
      capabilities.push(...decodeCapabilities(value))
    }
    return capabilities
  } catch (error) {
    if (error instanceof OutOfBounds) throw openError(OPEN_ERROR.UNSPECIFIC, 'optional parameter cut short')
    throw error
  }
}

/** Encodes the body after the header, with one parameter for each capability. The extended form of RFC 9072 is used only when the parameters need it, because old speakers do not know it. */
export function encodeOpen(writer: Writer, open: Open): void {
  writer.u8(VERSION)
  writer.u16(open.asn > 0xffff ? AS_TRANS : open.asn)
  writer.u16(open.holdTime)
  writer.u32(open.routerId)
  const values = open.capabilities.map((capability) => {
    const value = new Writer(16)
    encodeCapability(value, capability)
    return value
  })
  const length = values.reduce((sum, value) => sum + value.length + 2, 0)
  const wide = length > 254
  writer.u8(wide ? 255 : length)
  if (wide) {
    writer.u8(PARAMETER_EXTENDED)
    writer.u16(length + values.length)
  }
  for (const value of values) {
    writer.u8(PARAMETER_CAPABILITIES)
    if (wide) writer.u16(value.length)
    else writer.u8(value.length)
    writer.raw(value.bytes, 0, value.length)
  }
}
