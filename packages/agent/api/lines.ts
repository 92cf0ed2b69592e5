/** Splits a stream of bytes into lines; a line may come in any number of pieces, and a piece may hold many lines. */

const NEWLINE = 10

/** Yields each line without its newline; blank ones are left out, and so is an unfinished one at the end (a cut-off watch event). */
export async function* splitLines(stream: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  let pieces: Uint8Array[] = []
  for await (const chunk of stream) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      pieces.push(chunk.subarray(start, end))
      start = end + 1
      const line = Buffer.concat(pieces).toString('utf8')
      pieces = []
      if (line.trim() !== '') yield line
    }
    if (start < chunk.length) pieces.push(chunk.subarray(start))
  }
}
