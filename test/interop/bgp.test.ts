// Our speaker and other implementations, each in a network namespace of its own.
import { IMPLEMENTATIONS } from './daemons.ts'
import { together } from './support/together.ts'

for (const { name, cases } of IMPLEMENTATIONS) together(`interop with ${name}`, cases)
