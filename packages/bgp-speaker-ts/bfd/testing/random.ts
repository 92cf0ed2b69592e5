// Seeded random numbers, so that a failing test can be repeated: `SEED=… npx mocha …`.

/** Mulberry32: uniform in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The seed of this run: `SEED` of the environment, or a new one. */
export function testSeed(): number {
  return Number(process.env.SEED ?? Date.now() % 1_000_000)
}
