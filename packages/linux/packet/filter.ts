/**
 * Programs for the kernel that say which packets a packet socket takes: classic BPF (linux/filter.h) for a socket of SOCK_DGRAM, whose
 * packets begin with the header of IP or ARP. Pure.
 */
import { parseAddress } from '@podroute/address/address.ts'

export interface PacketFilter {
  /** Sender or receiver is one of them; none: any. */
  readonly addresses: readonly string[]
  /** One end has one of them. Messages of ICMP pass too, and fragments, which have no ports. None: any. */
  readonly ports: readonly number[]
}

export const ETH_P_IP = 0x0800
export const ETH_P_ARP = 0x0806
export const ETH_P_IPV6 = 0x86dd
export const IPPROTO_ICMP = 1
export const IPPROTO_TCP = 6
export const IPPROTO_UDP = 17
export const IPPROTO_ICMPV6 = 58
export const IPPROTO_SCTP = 132

/** Protocols whose headers begin with two ports. */
export const WITH_PORTS: readonly number[] = [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP]

/** SKF_AD_OFF + SKF_AD_PROTOCOL: the EtherType. */
const PROTOCOL = 0xfffff000
const LOAD_WORD = 0x20
const LOAD_HALF = 0x28
const LOAD_BYTE = 0x30
const LOAD_HALF_BEHIND_X = 0x48
/** X = 4 * (byte & 15): the length of an IPv4 header. */
const LOAD_HEADER_LENGTH = 0xb1
const JUMP = 0x05
const JUMP_EQUAL = 0x15
const JUMP_BITS = 0x45
const RETURN = 0x06
const WHOLE = 0xffffffff

/** BPF_MAXINSNS */
const LONGEST = 4096

/** An array of struct sock_filter. Of too many addresses for the kernel all pass. */
export function filterProgram(filter: PacketFilter): Uint8Array {
  const program = new Program()
  writeProgram(program, filter)
  if (program.length <= LONGEST) return program.bytes()
  return filterProgram({ ...filter, addresses: [] })
}

function writeProgram(program: Program, { addresses, ports }: PacketFilter): void {
  const all = addresses.map(parseAddress)
  const words = (length: number) => all.filter((bytes) => bytes.length === length).map(wordsOf)
  const any = all.length === 0
  program.load(LOAD_HALF, PROTOCOL)
  program.jumpIf(ETH_P_IP, 'ipv4').jumpIf(ETH_P_IPV6, 'ipv6')
  if (ports.length === 0) program.jumpIf(ETH_P_ARP, 'arp')
  program.end(0)
  program.label('ipv4').ends(any, words(4), [12, 16], 'ipv4 ports')
  program.label('ipv6').ends(any, words(16), [8, 24], 'ipv6 ports')
  // Sender and target of an ARP packet for IPv4 over Ethernet.
  program.label('arp').ends(any, words(4), [14, 24], 'take')
  program.label('ipv4 ports')
  if (ports.length > 0) ipv4Ports(program, ports)
  program.jump('take')
  program.label('ipv6 ports')
  if (ports.length > 0) ipv6Ports(program, ports)
  program.label('take').end(WHOLE)
}

function ipv4Ports(program: Program, ports: readonly number[]): void {
  program.load(LOAD_BYTE, 9).jumpIf(IPPROTO_ICMP, 'take')
  for (const protocol of WITH_PORTS) program.jumpIf(protocol, 'ipv4 ends')
  program.end(0)
  // The offset of a fragment that is not the first one.
  program.label('ipv4 ends').load(LOAD_HALF, 6).jumpIf(0x1fff, 'take', JUMP_BITS)
  program.load(LOAD_HEADER_LENGTH, 0)
  for (const at of [0, 2]) {
    program.load(LOAD_HALF_BEHIND_X, at)
    for (const port of ports) program.jumpIf(port, 'take')
  }
  program.end(0)
}

/** What has other headers before that of the protocol passes. */
function ipv6Ports(program: Program, ports: readonly number[]): void {
  program.load(LOAD_BYTE, 6)
  for (const protocol of WITH_PORTS) program.jumpIf(protocol, 'ipv6 ends')
  program.jump('take').label('ipv6 ends')
  for (const at of [40, 42]) {
    program.load(LOAD_HALF, at)
    for (const port of ports) program.jumpIf(port, 'take')
  }
  program.end(0)
}

function wordsOf(bytes: Uint8Array): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i))
}

interface Instruction {
  readonly code: number
  readonly k: number
  readonly jumpTrue?: number
  readonly jumpFalse?: number
  /** Where a jump leads, which is known at the end. */
  readonly to?: string
}

class Program {
  readonly #instructions: Instruction[] = []
  readonly #labels = new Map<string, number>()

  get length(): number {
    return this.#instructions.length
  }

  label(name: string): this {
    this.#labels.set(name, this.length)
    return this
  }

  load(code: number, k: number): this {
    this.#instructions.push({ code, k })
    return this
  }

  jump(to: string): this {
    this.#instructions.push({ code: JUMP, k: 0, to })
    return this
  }

  /** By a jump of its own: those of a comparison reach 255 instructions only. */
  jumpIf(k: number, to: string, code = JUMP_EQUAL): this {
    this.#instructions.push({ code, k, jumpFalse: 1 })
    return this.jump(to)
  }

  end(taken: number): this {
    this.#instructions.push({ code: RETURN, k: taken })
    return this
  }

  /** Goes to `to` when an address stands at one of the offsets, or any may; takes nothing else. */
  ends(any: boolean, addresses: readonly (readonly number[])[], at: readonly number[], to: string): this {
    if (any) return this.jump(to)
    for (const offset of at) for (const words of addresses) this.#address(words, offset, to)
    return this.end(0)
  }

  #address(words: readonly number[], offset: number, to: string): void {
    for (const [i, word] of words.entries()) {
      this.load(LOAD_WORD, offset + 4 * i)
      // Behind the other words and the jump.
      const left = words.length - 1 - i
      this.#instructions.push({ code: JUMP_EQUAL, k: word, jumpFalse: 2 * left + 1 })
    }
    this.jump(to)
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.length * 8)
    const view = new DataView(bytes.buffer)
    for (const [i, { code, k, jumpTrue = 0, jumpFalse = 0, to }] of this.#instructions.entries()) {
      view.setUint16(i * 8, code, true)
      bytes[i * 8 + 2] = jumpTrue
      bytes[i * 8 + 3] = jumpFalse
      view.setUint32(i * 8 + 4, to === undefined ? k : this.#labels.get(to)! - i - 1, true)
    }
    return bytes
  }
}
