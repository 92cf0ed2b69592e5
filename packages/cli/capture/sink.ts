/** Where captured packets go: lines, objects, or a file. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { CliError } from '../errors.ts'
import type { Format } from '../report.ts'
import type { Captured } from './captured.ts'
import { type Names, packetLine, packetOf, packetReport, unreadLine } from './lines.ts'
import { PcapngWriter } from './pcapng-write.ts'

export interface Sink {
  packet(captured: Captured): void
  end(lost: number): void
}

const STANDARD_OUTPUT = 1
const PAUSE = new Int32Array(new SharedArrayBuffer(4))

/** @throws CliError for a file that cannot be written */
export function fileSink(path: string, names: Names): Sink {
  const fd = path === '-' ? STANDARD_OUTPUT : opened(path)
  const writer = new PcapngWriter()
  writeAll(fd, writer.begin())
  return {
    packet(captured) {
      const packet = packetOf(captured)
      const ends = packet ? [packet.source.address, packet.destination.address] : []
      const known = ends.flatMap((address) => {
        const name = names.get(address)
        return name === undefined ? [] : [[address, name] as const]
      })
      writeAll(fd, Buffer.concat([writer.names(known), writer.packet(captured)]))
    },
    end(lost) {
      writeAll(fd, writer.lost(lost))
      if (fd !== STANDARD_OUTPUT) closeSync(fd)
    },
  }
}

function opened(path: string): number {
  try {
    return openSync(path, 'w', 0o600)
  } catch (cause) {
    throw new CliError('answer', (cause as Error).message, { cause })
  }
}

/** A pipe takes a part, or nothing now; what comes meanwhile waits in the kernel. */
function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(PAUSE, 0, 0, 2)
    }
  }
}

/** One a packet: lines, JSON of one line, or YAML documents. */
export function textSink(format: Format, names: Names, write: (text: string) => void): Sink {
  return {
    packet(captured) {
      const packet = packetOf(captured)
      if (!packet) return format === 'text' ? write(`${unreadLine(captured)}\n`) : undefined
      const report = packetReport(captured, packet, names)
      if (format === 'text') write(`${packetLine(report)}\n`)
      // JSON is YAML, too.
      else write(`${format === 'yaml' ? '---\n' : ''}${JSON.stringify(report)}\n`)
    },
    end() {},
  }
}
