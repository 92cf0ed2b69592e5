import { expect } from 'chai'
import { splitLines } from './lines.ts'

async function split(text: string, size: number): Promise<string[]> {
  const bytes = Buffer.from(text)
  async function* pieces() {
    for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size)
  }
  const lines: string[] = []
  for await (const line of splitLines(pieces())) lines.push(line)
  return lines
}

describe('lines', () => {
  it('gives the same lines however the stream is cut, in the middle of a character too', async () => {
    const text = '{"a":"ä€"}\n\n{"b":1}\n{"c":'
    for (let size = 1; size <= text.length + 5; size++) {
      expect(await split(text, size), `pieces of ${size}`).to.deep.equal(['{"a":"ä€"}', '{"b":1}'])
    }
  })
})
