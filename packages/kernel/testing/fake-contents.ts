/** All that a fake kernel holds, in an order of its own, so that two of them can be compared whole. */
import type { FakeKernel } from './fake-kernel.ts'
import type { FakeTable } from './fake-nft.ts'

export async function contentsOf(kernel: FakeKernel): Promise<unknown> {
  const links = await kernel.links.list()
  const ports = await kernel.links.bridgePorts()
  const nameOf = (index: number | undefined) => links.find((link) => link.index === index)?.name
  const addresses = await kernel.addresses.list()
  return {
    links: byKey(
      links.map(({ index, master, ...link }) => [
        link.name,
        { ...link, master: nameOf(master), port: ports.get(index) },
      ]),
    ),
    addresses: addresses
      .map((a) => `${nameOf(a.interfaceIndex)} ${a.address}/${a.prefixLength} ${a.flags}`)
      .sort(),
    routes: (await kernel.routes.list()).map((route) => JSON.stringify(route)).sort(),
    nft: byKey([...kernel.nft.tables].map(([name, table]) => [name, tableContents(table)])),
    sysctls: kernel.sysctls.entries(),
    files: await Promise.all(kernel.files.paths().map(async (path) => [path, await kernel.files.read(path)])),
  }
}

function tableContents({ chains, sets }: FakeTable) {
  return {
    chains: byKey(chains),
    sets: byKey([...sets].map(([name, { lines, elements }]) => [name, [...lines, ...[...elements].sort()]])),
  }
}

function byKey(entries: Iterable<readonly [string, unknown]>): Record<string, unknown> {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)))
}
