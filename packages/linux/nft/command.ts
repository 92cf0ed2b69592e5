/** The nft command, for hosts without libnftables. */
import { spawn } from 'node:child_process'
import { withNetns } from '../netns.ts'
import type { NftOutput, NftResult } from './library.ts'

/**
 * Feeds a script to `nft -f -`, or for JSON runs one command given as an argument: `nft -j -f -` fails with ENXIO on the
 * socket pair that node gives a child as stdin.
 * @throws Error ENOENT when there is no nft command
 */
export function runCommand(script: string, form: NftOutput, netns: string | undefined): Promise<NftResult> {
  const json = form === 'json'
  const args = json ? ['-j', '-n', script] : ['-n', '-t', '-f', '-']
  return new Promise((resolve, reject) => {
    // The child is forked here and now, so it starts in the namespace that this thread is in.
    const child = withNetns(netns, () => spawn('nft', args, { stdio: ['pipe', 'pipe', 'pipe'] }))
    const output: Buffer[] = []
    const error: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => error.push(chunk))
    // A child that ends early closes the pipe; its exit status says why.
    child.stdin.on('error', () => {})
    child.once('error', reject)
    child.once('close', (code) => {
      const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString()
      resolve({ ok: code === 0, output: text(output), error: text(error) })
    })
    child.stdin.end(json ? '' : script)
  })
}
