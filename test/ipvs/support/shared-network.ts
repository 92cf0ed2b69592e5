/** One network for all files that send traffic: setting it up takes longer than most of what is tested in it. */
import { makeNetwork, type Network } from './network.ts'

let network: Promise<Network> | undefined

/** Whoever uses it leaves no rules, routes and virtual servers behind. */
export function sharedNetwork(): Promise<Network> {
  network ??= makeNetwork('services')
  return network
}

after(async () => (await network)?.[Symbol.asyncDispose]())
