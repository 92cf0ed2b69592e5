/** One suite for every implementation of addresses, so that all of them read and write the same texts. */
import { expect } from 'chai'
import { ADDRESSES, CONTAINS, MAPPED, NO_ADDRESSES, NO_PREFIXES, PREFIXES, ZONES } from './vectors.ts'

export interface AddressImplementation {
  /** 4 or 16 bytes; undefined for what is no address. */
  read(text: string): Uint8Array | undefined
  format(bytes: Uint8Array): string
  /** Canonical text of the address, as IPv4 where it is mapped. */
  plain(text: string): string
  /** Canonical text with the host bits cleared; undefined for what is no prefix. */
  network(text: string): string | undefined
  contains(prefix: string, address: string): boolean
}

export function describeAddresses(name: string, implementation: AddressImplementation): void {
  const { read, format, plain, network, contains } = implementation

  describe(`addresses of ${name}`, () => {
    for (const { text, canonical, hex } of ADDRESSES) {
      it(`reads ${text} and writes it as ${canonical}`, () => {
        const bytes = read(text)
        expect(bytes && hexOf(bytes)).to.equal(hex)
        expect(format(bytes!)).to.equal(canonical)
        expect(hexOf(read(canonical)!), 'its canonical text').to.equal(hex)
      })
    }

    for (const text of NO_ADDRESSES) {
      it(`refuses "${text}"`, () => expect(read(text)).to.equal(undefined))
    }

    for (const { text, plain: expected } of MAPPED) {
      it(`takes ${text} as ${expected} where mapped addresses stand for IPv4`, () => {
        expect(plain(text)).to.equal(expected)
      })
    }

    for (const { text, network: expected } of PREFIXES) {
      it(`clears the host bits of ${text}`, () => expect(network(text)).to.equal(expected))
    }

    for (const text of NO_PREFIXES) {
      it(`refuses the prefix "${text}"`, () => expect(network(text)).to.equal(undefined))
    }

    for (const { prefix, address, inside } of CONTAINS) {
      it(`knows that ${address} is ${inside ? '' : 'not '}in ${prefix}`, () => {
        expect(contains(prefix, address)).to.equal(inside)
      })
    }
  })
}

/** For those implementations that know zones. */
export function describeZones(
  name: string,
  splitZone: (text: string) => { readonly address: string; readonly zone: string | undefined },
): void {
  describe(`zones of ${name}`, () => {
    for (const { text, address, zone } of ZONES) {
      it(`splits ${text}`, () => expect(splitZone(text)).to.deep.equal({ address, zone }))
    }
  })
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
