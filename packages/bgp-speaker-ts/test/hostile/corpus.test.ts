// Regressions found by fuzzing, one file each in corpus/: the outcome of RFC 7606, and no fault of the speaker at any truncation and any split of the stream.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { NotificationError } from '../../errors.ts'
import { fromHex } from '../../packet/attributes.ts'
import { MAX_EXTENDED_LENGTH } from '../../packet/codes.ts'
import { decodeMessage } from '../../packet/message.ts'
import { ASN } from '../../testing/bench.ts'
import { type Finding, FuzzedSpeaker, SETTINGS, type SettingName } from '../../testing/session-fuzzer.ts'

/** A finding with what is right. */
interface Corpus extends Pick<Finding, 'setting' | 'say'> {
  /** What the speaker did wrong. */
  readonly found: string
  /** Of the last message: `ok`, `treat-as-withdraw`, `attribute-discard`, or the NOTIFICATION as `3/1`. */
  readonly outcome: string
}

const DIRECTORY = join(import.meta.dirname, 'corpus')
const CASES = readdirSync(DIRECTORY).map(
  (file) =>
    [file.replace(/\.json$/, ''), JSON.parse(readFileSync(join(DIRECTORY, file), 'utf8')) as Corpus] as const,
)

const messagesOf = ({ say }: Corpus) =>
  say.flatMap((item) => (typeof item === 'string' ? [fromHex(item)] : []))

/** Long ones are cut at some hundred places: at all would take minutes. */
const stepOf = ({ length }: Uint8Array) => Math.ceil(length / 400)

function outcomeOf(bytes: Uint8Array, setting: SettingName): string {
  const { asn, capabilities } = SETTINGS[setting]
  const pathIds = capabilities.some(({ kind }) => kind === 'add-path')
  const context = {
    fourOctetAs: true,
    internal: asn === ASN,
    localAsn: ASN,
    addPath4: pathIds,
    addPath6: pathIds,
  }
  try {
    return decodeMessage(bytes, context, MAX_EXTENDED_LENGTH).outcome.kind
  } catch (error) {
    if (error instanceof NotificationError) return `${error.code}/${error.subcode}`
    throw error
  }
}

describe('what fuzzing found', function () {
  // One that is cut at hundreds of places takes seconds of processor time.
  this.timeout(60_000)

  it('is there', () => expect(CASES.length).to.be.greaterThan(1))

  for (const [name, item] of CASES) {
    it(`${name}: ${item.outcome}, in a session too`, async () => {
      expect(outcomeOf(messagesOf(item).at(-1)!, item.setting)).to.equal(item.outcome)
      const speaker = await FuzzedSpeaker.started([item.setting])
      for (const step of item.say) {
        speaker.meet(item.setting)
        speaker.say(item.setting, step)
      }
      expect(speaker.faults()).to.deep.equal([])
      const ends = /\d/.test(item.outcome) ? item.outcome : undefined
      expect(speaker.end(item.setting)).to.equal(ends)
      expect(speaker.goodIsUnharmed()).to.equal(true)
      expect(speaker.left()).to.deep.equal(['10.200.0.0/16'])
      await speaker.close()
    })

    it(`${name}: no fault of ours at any truncation`, async () => {
      const speaker = await FuzzedSpeaker.started([item.setting])
      const [last, ...before] = messagesOf(item).reverse()
      for (let length = 19; length < last!.length; length += stepOf(last!)) {
        const cut = last!.slice(0, length)
        cut[16] = length >> 8
        cut[17] = length & 255
        speaker.meet(item.setting)
        speaker.sendRaw(item.setting, [...before.toReversed(), cut])
      }
      expect(speaker.faults()).to.deep.equal([])
      expect(speaker.goodIsUnharmed()).to.equal(true)
      await speaker.close()
    })

    it(`${name}: the same end at any split`, async () => {
      const stream = Uint8Array.from(messagesOf(item).flatMap((bytes) => [...bytes]))
      const ends = new Set<string | undefined>()
      for (let at = 0; at < stream.length; at += stepOf(stream)) {
        const speaker = await FuzzedSpeaker.started([item.setting])
        speaker.meet(item.setting)
        speaker.sendRaw(item.setting, [stream.slice(0, at), stream.slice(at)])
        expect(speaker.faults()).to.deep.equal([])
        ends.add(speaker.end(item.setting))
        await speaker.close()
      }
      expect(ends.size).to.equal(1)
    })
  }
})
