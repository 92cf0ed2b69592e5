/** nftables: scripts as atomic transactions, listings as JSON. */
import { FeatureError, NftError } from '../errors.ts'
import type { NetlinkOptions } from '../netlink/socket.ts'
import { withNetns } from '../netns.ts'
import { runCommand } from './command.ts'
import { loadNftables, NftContext, type NftOutput, type NftResult } from './library.ts'

export interface NftOptions extends NetlinkOptions {
  /** `library` or `command`; by default the library where it is installed. */
  readonly via?: 'library' | 'command'
}

type Runner = (script: string, output: NftOutput) => Promise<NftResult>

const MISSING: NftResult = { ok: false, output: '', error: 'No such file or directory' }

// libnftables keeps global state (its scanner, its symbol tables): one run at a time in the whole process.
let queue: Promise<unknown> = Promise.resolve()

/**
 * Of one network namespace. Rules name interfaces by `iifname`/`oifname`: `iif` and `oif` are looked up in the namespace of the
 * thread that runs the script, which is the process's own.
 */
export class Nft implements Disposable {
  /** How scripts get to the kernel. */
  readonly via: 'library' | 'command'
  readonly #run: Runner
  readonly #free: () => void
  #closed = false

  private constructor(via: 'library' | 'command', run: Runner, free: () => void) {
    this.via = via
    this.#run = run
    this.#free = free
  }

  /** @throws FeatureError when `via` asks for a library that is not there */
  static open(options: NftOptions = {}): Nft {
    const functions = options.via === 'command' ? undefined : loadNftables()
    if (functions) {
      const context = withNetns(options.netns, () => new NftContext(functions))
      const run: Runner = (script, output) => context.run(script, output)
      return new Nft('library', run, () => context.free())
    }
    if (options.via === 'library') throw new FeatureError('nftables', 'libnftables.so.1 is not installed')
    return new Nft(
      'command',
      (script, output) => runCommand(script, output, options.netns),
      () => {},
    )
  }

  /** Runs a script in nft syntax as one transaction: all of it or, when it throws, nothing. @throws NftError, FeatureError */
  async run(script: string): Promise<void> {
    await this.#execute(script, 'terse')
  }

  /**
   * What a listing command prints in nft's own syntax, numeric, without the elements of sets. Of some statements nft 1.0.6 makes no
   * JSON; and one listing of a table costs less than one for each of its chains, as each reads the whole table.
   * @param isThere asked when it is this command's turn: what is known to be missing needs no run of nft, which reads much before it says so
   * @throws NftError with code ENOENT when what is to be listed is not there
   */
  show(command: string, isThere?: () => Promise<boolean>): Promise<string> {
    return this.#execute(`${command}\n`, 'terse', isThere)
  }

  /**
   * Runs a listing command (`list table inet podroute`) and returns the objects that it prints, as libnftables-json(5) describes
   * them, without the leading `metainfo`. Everything is numeric (`6` for tcp): names depend on the /etc/protocols at hand.
   * @throws NftError with code ENOENT when what is to be listed is not there
   */
  async listJson(command: string): Promise<unknown[]> {
    const text = await this.#execute(command, 'json')
    // nothing to list prints nothing
    if (text.trim() === '') return []
    const { nftables } = JSON.parse(text) as { nftables: Record<string, unknown>[] }
    return nftables.filter((object) => !('metainfo' in object))
  }

  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    queue = queue.then(this.#free)
  }

  async #execute(
    script: string,
    output: NftOutput,
    isThere: () => Promise<boolean> = async () => true,
  ): Promise<string> {
    if (this.#closed) throw new NftError('closed')
    const result = queue.then(async () => ((await isThere()) ? this.#run(script, output) : MISSING))
    queue = result.catch(() => {})
    const {
      ok,
      output: text,
      error,
    } = await result.catch((cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
      throw new FeatureError('nftables', 'install libnftables1 or the nft command', cause)
    })
    if (!ok) throw new NftError(error.trim() || 'nft failed without a message')
    return text
  }
}
