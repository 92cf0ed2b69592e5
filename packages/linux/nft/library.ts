/** libnftables by koffi: transactions in 0.2 ms where executing `nft` takes 21 ms. */
import type { KoffiFunc, LibraryHandle } from 'koffi'
import { loadLibrary } from '../sys.ts'

const FLAG_JSON = 1 << 4
const FLAG_NUMERIC_ALL = 0x3c0
const FLAG_TERSE = 1 << 11

/** How listings are printed: in nft's own syntax, without the elements of sets, or as JSON. */
export type NftOutput = 'terse' | 'json'

/** What one run printed; `error` is empty when it succeeded. */
export interface NftResult {
  readonly ok: boolean
  readonly output: string
  readonly error: string
}

interface Functions {
  readonly create: (flags: number) => unknown
  readonly free: (context: unknown) => void
  readonly setFlags: (context: unknown, flags: number) => void
  readonly bufferOutput: (context: unknown) => number
  readonly bufferError: (context: unknown) => number
  readonly output: (context: unknown) => string | null
  readonly error: (context: unknown) => string | null
  readonly run: KoffiFunc<(context: unknown, script: string) => number>
}

const NAMES = ['libnftables.so.1', 'libnftables.so']
let loaded: Functions | undefined

/** Undefined where the library is not installed. */
export function loadNftables(): Functions | undefined {
  for (const name of loaded ? [] : NAMES) {
    try {
      loaded ??= functionsOf(loadLibrary(name))
    } catch {
      // Not there, or too old: the next name, then the nft command.
    }
  }
  return loaded
}

function functionsOf(library: LibraryHandle): Functions {
  const as = <T>(definition: string) => library.func(definition) as unknown as T
  return {
    create: as('void *nft_ctx_new(uint32_t flags)'),
    free: as('void nft_ctx_free(void *ctx)'),
    setFlags: as('void nft_ctx_output_set_flags(void *ctx, unsigned int flags)'),
    bufferOutput: as('int nft_ctx_buffer_output(void *ctx)'),
    bufferError: as('int nft_ctx_buffer_error(void *ctx)'),
    output: as('const char *nft_ctx_get_output_buffer(void *ctx)'),
    error: as('const char *nft_ctx_get_error_buffer(void *ctx)'),
    run: as('int nft_run_cmd_from_buffer(void *ctx, const char *buf)'),
  }
}

/** One context: a netlink socket of the namespace that it was made in, and nftables' cache. One run at a time. */
export class NftContext {
  readonly #functions: Functions
  readonly #context: unknown

  constructor(functions: Functions) {
    this.#functions = functions
    this.#context = functions.create(0)
    if (!this.#context) throw new Error('nft_ctx_new failed')
    functions.bufferOutput(this.#context)
    functions.bufferError(this.#context)
  }

  /** Runs off the main thread: the kernel waits for RCU grace periods when it commits. */
  run(script: string, output: NftOutput): Promise<NftResult> {
    const { run, setFlags } = this.#functions
    setFlags(this.#context, FLAG_NUMERIC_ALL | (output === 'json' ? FLAG_JSON : FLAG_TERSE))
    return new Promise((resolve, reject) => {
      run.async(this.#context, script, (failure, status) => {
        giveBackMemory()
        if (failure) reject(failure)
        else resolve(this.#result(status))
      })
    })
  }

  /** Reading a buffer empties it, so both are read every time. */
  #result(status: number): NftResult {
    const output = this.#functions.output(this.#context) ?? ''
    const error = this.#functions.error(this.#context) ?? ''
    return { ok: status === 0, output, error }
  }

  free(): void {
    this.#functions.free(this.#context)
  }
}

let trim: ((pad: number) => number) | undefined

/** What nft has freed stays with the process otherwise: 50 MB at 10,000 rules and 3,600 sets, which it reads each time; 0.1 ms. musl does it by itself, and has no such call. */
function giveBackMemory(): void {
  try {
    trim ??= loadLibrary(null).func('int malloc_trim(size_t pad)') as unknown as (pad: number) => number
  } catch {
    trim = () => 0
  }
  trim(0)
}
