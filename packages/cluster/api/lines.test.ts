import { PassThrough, Readable } from 'node:stream'
import { expect } from 'chai'
import { readLines } from './lines.ts'

async function split(text: string, size: number): Promise<string[]> {
  const bytes = Buffer.from(text)
  function* pieces() {
    for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size)
  }
  const lines: string[] = []
  await readLines(Readable.from(pieces(), { objectMode: false }), (line) => lines.push(line))
  return lines
}

describe('lines', () => {
  it('are the same however the stream is cut, in the middle of a character too', async () => {
    const text = '{"a":"ä€"}\n\n{"b":1}\n{"c":'
    for (let size = 1; size <= text.length + 5; size++) {
      expect(await split(text, size), `pieces of ${size}`).to.deep.equal(['{"a":"ä€"}', '{"b":1}'])
    }
  })

  it('end with what breaks the stream', async () => {
    const stream = new PassThrough()
    const lines: string[] = []
    const reading = readLines(stream, (line) => lines.push(line)).catch((error: Error) => error.message)
    stream.write('one\n')
    await new Promise(setImmediate)
    stream.destroy(new Error('reset'))
    expect(await reading).to.equal('reset')
    expect(lines).to.deep.equal(['one'])
  })

  it('end with what their reader throws, and the stream with them', async () => {
    const stream = new PassThrough()
    const lines: string[] = []
    const reading = readLines(stream, (line) => {
      lines.push(line)
      throw new Error(`no ${line}`)
    }).catch((error: Error) => error.message)
    stream.write('one\ntwo\n')
    expect(await reading).to.equal('no one')
    expect(stream.destroyed).to.equal(true)
    expect(lines).to.deep.equal(['one'])
  })

  it('leave turns to others, however many wait', async () => {
    const stream = new PassThrough({ highWaterMark: 1 << 20 })
    for (let line = 0; line < 100; line++) stream.write(`${line}\n`)
    stream.end()
    let turns = 0
    const count = () => {
      turns++
      next = setImmediate(count)
    }
    let next = setImmediate(count)
    const lines: string[] = []
    await readLines(stream, (line) => {
      lines.push(line)
      const end = performance.now() + 1
      while (performance.now() < end);
    })
    clearImmediate(next)
    expect(lines).to.have.length(100)
    // 100 ms in turns of 5.
    expect(turns).to.be.greaterThan(10)
  })
})
