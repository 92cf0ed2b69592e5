// Tests that mostly wait for each other's daemons: a few run at once, each is reported as one.

/** What two implementations do with each other, as the table in the README names it. */
export type Feature =
  | 'iBGP routes, communities'
  | 'eBGP routes, communities'
  | 'local AS'
  | 'changes'
  | 'session end'
  | 'TCP-MD5'
  | 'GTSM'
  | 'route refresh, they ask'
  | 'route refresh, we ask'
  | 'prefix limit, ours'
  | 'prefix limit, theirs'
  | 'graceful restart, they'
  | 'graceful restart, we'
  | 'long-lived stale routes, theirs'
  | 'long-lived stale routes, ours'
  | 'dynamic peers'
  | 'IPv4 over IPv6 next hops'
  | 'route reflection, they'
  | 'route reflection, we'
  | 'reflection loops, refused'
  | 'reflection loops, caused'
  | 'add-path'
  | 'roles'
  | 'BFD'

export interface Case {
  readonly feature: Feature
  readonly title: string
  /** What is measured is time: nothing else runs beside it. */
  readonly alone?: boolean
  run(): Promise<void>
}

/** Tests that are reported under one title. */
export interface Group {
  readonly name: string
  readonly cases: readonly Omit<Case, 'feature'>[]
}

/** Declares the groups as suites. Their tests start in order, `atOnce` of all of them at the same time. */
export function together(title: string, groups: readonly Group[], atOnce = 8): void {
  const tests: readonly Test[] = groups
    .flatMap(({ cases }) => cases)
    .filter(({ alone }) => !alone)
    .map((item) => ({ item, ...Promise.withResolvers<void>() }))
  // Whoever fails before its turn to be reported must not end the process.
  for (const { promise } of tests) promise.catch(() => {})

  describe(title, function () {
    this.timeout(60_000)

    before(() => void run(tests, atOnce))

    for (const { name, cases } of groups)
      describe(name, () => {
        for (const item of cases.filter(({ alone }) => !alone))
          it(item.title, () => tests.find((test) => test.item === item)!.promise)
      })

    // Suites run in their order, but a suite's own tests before those of the suites in it.
    const alone = groups.flatMap(({ name, cases }) =>
      cases.filter((item) => item.alone).map((item) => ({ name, item })),
    )
    if (alone.length > 0)
      describe('one at a time', () => {
        for (const { name, item } of alone) it(`${name}: ${item.title}`, () => item.run())
      })
  })
}

interface Test extends PromiseWithResolvers<void> {
  readonly item: Group['cases'][number]
}

async function run(tests: readonly Test[], atOnce: number): Promise<void> {
  const waiting = [...tests]
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      await next.item.run().then(next.resolve, next.reject)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}
