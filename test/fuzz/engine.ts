/** Feeds changed inputs to a target until time is over: what it throws is a finding, made as small as it gets, and a case for the corpus. */
import { pick } from '@podroute/reconcile/testing/random.ts'

/** Something that takes what others wrote. */
export interface FuzzTarget<Input = never> {
  readonly name: string
  /** Inputs that are good, or were bad once; the corpus has more. */
  readonly seeds: readonly Input[]
  /** From the text of a file of the corpus. */
  parse(text: string): Input
  print(input: Input): string
  mutate(input: Input, random: () => number, others: readonly Input[]): Input
  /** Smaller inputs that may show the same. */
  smaller(input: Input): Iterable<Input>
  /** Returns whether the input was taken, as a whole or in part. @throws Error for any fault: what must never be thrown, or come out */
  run(input: Input): boolean
}

export interface FuzzReport {
  readonly runs: number
  /** Inputs that the target took: a fuzzer whose inputs are all refused at the door tests the door. */
  readonly taken: number
  readonly finding?: Finding
}

export interface Finding {
  readonly problem: string
  /** For the corpus. */
  readonly text: string
}

/** Of changes that one input gets at most. */
const MOST_CHANGES = 4
/** Inputs that are kept beside the seeds, so that changes add up. */
const POOL = 200
const SHRINKS = 2000

export function fuzz<Input>(
  target: FuzzTarget<Input>,
  corpus: readonly string[],
  random: () => number,
  isOver: () => boolean,
): FuzzReport {
  const seeds = [...target.seeds, ...corpus.map((text) => target.parse(text))]
  const pool: Input[] = []
  let taken = 0
  for (let runs = 0; ; runs++) {
    // The seeds themselves first.
    if (runs >= seeds.length && isOver()) return { runs, taken }
    const input = runs < seeds.length ? seeds[runs]! : mutated(target, [...seeds, ...pool], random)
    const outcome = attempt(target, input)
    if (outcome instanceof Error) return { runs, taken, finding: shrink(target, input, outcome) }
    if (!outcome) continue
    taken++
    pool[pool.length < POOL ? pool.length : Math.floor(random() * POOL)] = input
  }
}

function mutated<Input>(target: FuzzTarget<Input>, from: readonly Input[], random: () => number): Input {
  let input = pick(random, from)
  for (let times = 1 + Math.floor(random() * MOST_CHANGES); times > 0; times--)
    input = target.mutate(input, random, from)
  return input
}

function attempt<Input>(target: FuzzTarget<Input>, input: Input): boolean | Error {
  try {
    return target.run(input)
  } catch (error) {
    return error instanceof Error ? error : new Error(`thrown: ${String(error)}`)
  }
}

/** As long as a smaller input shows the same fault, that one. */
function shrink<Input>(target: FuzzTarget<Input>, input: Input, error: Error): Finding {
  let smallest = input
  let tries = 0
  for (let found = true; found && tries < SHRINKS; ) {
    found = false
    for (const smaller of target.smaller(smallest)) {
      if (++tries >= SHRINKS) break
      const outcome = attempt(target, smaller)
      if (!(outcome instanceof Error) || outcome.message !== error.message) continue
      smallest = smaller
      found = true
      break
    }
  }
  return { problem: error.stack ?? error.message, text: target.print(smallest) }
}
