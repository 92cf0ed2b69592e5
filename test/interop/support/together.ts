// Tests that mostly wait for each other's daemons: a few run at once, each is reported as one.

/** What two implementations do with each other, as the table in the README names it. */
export type Feature =
  | 'routes, both families'
  | 'changes'
  | 'session end'
  | 'TCP-MD5'
  | 'GTSM'
  | 'route refresh'
  | 'prefix limit'
  | 'graceful restart, they'
  | 'graceful restart, we'
  | 'dynamic peers'
  | 'IPv4 over IPv6 next hops'
  | 'route reflection'
  | 'add-path'
  | 'BFD'

export interface Case {
  readonly feature: Feature
  readonly title: string
  run(): Promise<void>
}

/** Declares the cases as tests of one suite, `atOnce` of which run at the same time. */
export function together(title: string, cases: readonly Omit<Case, 'feature'>[], atOnce = 6): void {
  describe(title, function () {
    this.timeout(60_000)
    const results: Promise<void>[] = []

    before(() => {
      const waiting = [...cases.keys()]
      const done = cases.map(() => Promise.withResolvers<void>())
      const work = async () => {
        for (let i = waiting.shift(); i !== undefined; i = waiting.shift())
          await cases[i]!.run().then(done[i]!.resolve, done[i]!.reject)
      }
      results.push(...done.map(({ promise }) => promise))
      // Whoever fails before its turn to be reported must not end the process.
      for (const result of results) result.catch(() => {})
      for (let i = 0; i < atOnce; i++) void work()
    })

    for (const [i, item] of cases.entries()) it(item.title, () => results[i])
  })
}
