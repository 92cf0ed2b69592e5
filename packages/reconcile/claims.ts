/**
 * Several owners may want one key. The rule who wins is written once, here: the best claim by `precedes` holds the key, and when it goes
 * or gets worse the next one gets it. The result depends on the claims that there are, never on the order in which they came.
 */

/** What one owner wants under one key. */
export interface Claim<Owner, Value> {
  readonly owner: Owner
  readonly value: Value
}

/** Where the winners' values go. Every `Table` fits. */
export interface ClaimSink<Key, Value, Owner = string> {
  /** `previous` is what the winner before wanted; undefined where there was none. */
  set(key: Key, value: Value, previous: Value | undefined): void
  delete(key: Key, previous: Value): void
  /** One that holds a key now took it from, or got it after, another one. Called before `set`. */
  passed?(key: Key, from: Owner, to: Owner): void
}

export interface ClaimRule<Owner, Value> {
  /** Negative where `a` wins against `b`. It must order any two claims of different owners; the lower owner wins by default. */
  precedes?(a: Claim<Owner, Value>, b: Claim<Owner, Value>): number
  /** Whether two values are the same to the sink; identity by default. */
  equal?(a: Value, b: Value): boolean
}

type Claimants<Owner, Value> = Claim<Owner, Value> | Claim<Owner, Value>[]

export class Claims<Owner extends string, Key, Value> {
  readonly #sink: ClaimSink<Key, Value, Owner>
  readonly #precedes: (a: Claim<Owner, Value>, b: Claim<Owner, Value>) => number
  readonly #equal: (a: Value, b: Value) => boolean
  /** By far the most keys have one claimant, which needs no array. The winner comes first. */
  readonly #claimants = new Map<Key, Claimants<Owner, Value>>()
  readonly #keys = new Map<Owner, readonly Key[]>()

  constructor(sink: ClaimSink<Key, Value, Owner>, rule: ClaimRule<Owner, Value> = {}) {
    this.#sink = sink
    this.#precedes = rule.precedes?.bind(rule) ?? byOwner
    this.#equal = rule.equal?.bind(rule) ?? Object.is
  }

  /**
   * Puts an owner's claims in place of those it had. What is new is handed on before what is no longer wanted is let go. Of a key that
   * is named twice the last value counts.
   */
  replace(owner: Owner, entries: Iterable<readonly [Key, Value]>): void {
    const wanted = new Map(entries)
    for (const [key, value] of wanted) this.#put(key, { owner, value })
    for (const key of this.#keys.get(owner) ?? []) if (!wanted.has(key)) this.#drop(key, owner)
    if (wanted.size === 0) this.#keys.delete(owner)
    // A copy has no room for more: what an iterator is spread into has it for 17, and there are thousands of owners.
    else this.#keys.set(owner, [...wanted.keys()].slice())
  }

  /** The owner wants nothing any more. */
  remove(owner: Owner): void {
    this.replace(owner, [])
  }

  /** Who holds a key, and with what. */
  winner(key: Key): Claim<Owner, Value> | undefined {
    return first(this.#claimants.get(key))
  }

  /** All claims of a key, the winner first. */
  claims(key: Key): readonly Claim<Owner, Value>[] {
    const claimants = this.#claimants.get(key)
    return claimants === undefined ? [] : Array.isArray(claimants) ? claimants : [claimants]
  }

  /** The keys that an owner wants, whether it holds them or not. */
  keysOf(owner: Owner): readonly Key[] {
    return this.#keys.get(owner) ?? []
  }

  /** The keys that an owner wants and somebody else holds. */
  lost(owner: Owner): Key[] {
    return this.keysOf(owner).filter((key) => this.winner(key)?.owner !== owner)
  }

  /** All keys that somebody wants, each with its winner. */
  *winners(): Iterable<readonly [Key, Claim<Owner, Value>]> {
    for (const [key, claimants] of this.#claimants) yield [key, first(claimants)!]
  }

  owners(): Iterable<Owner> {
    return this.#keys.keys()
  }

  get size(): number {
    return this.#claimants.size
  }

  #put(key: Key, claim: Claim<Owner, Value>): void {
    const before = this.#claimants.get(key)
    if (before === undefined || (!Array.isArray(before) && before.owner === claim.owner)) {
      this.#claimants.set(key, claim)
      this.#changed(key, first(before), claim)
      return
    }
    const others = this.claims(key).filter(({ owner }) => owner !== claim.owner)
    const after = [...others, claim].sort(this.#precedes)
    this.#claimants.set(key, after)
    this.#changed(key, first(before), after[0])
  }

  #drop(key: Key, owner: Owner): void {
    const before = this.claims(key)
    const after = before.filter((claim) => claim.owner !== owner)
    if (after.length === before.length) return
    if (after.length === 0) this.#claimants.delete(key)
    else this.#claimants.set(key, after.length === 1 ? after[0]! : after)
    this.#changed(key, before[0], after[0])
  }

  #changed(key: Key, before: Claim<Owner, Value> | undefined, after: Claim<Owner, Value> | undefined): void {
    if (after === undefined) {
      if (before) this.#sink.delete(key, before.value)
      return
    }
    if (before && before.owner !== after.owner) this.#sink.passed?.(key, before.owner, after.owner)
    if (before && this.#equal(before.value, after.value)) return
    this.#sink.set(key, after.value, before?.value)
  }
}

function first<Owner, Value>(
  claimants: Claimants<Owner, Value> | undefined,
): Claim<Owner, Value> | undefined {
  return Array.isArray(claimants) ? claimants[0] : claimants
}

function byOwner<Owner extends string>(a: { readonly owner: Owner }, b: { readonly owner: Owner }): number {
  if (a.owner === b.owner) return 0
  return a.owner < b.owner ? -1 : 1
}
