// Our speaker and other implementations, each in a network namespace of its own.
import { IMPLEMENTATIONS } from './daemons.ts'
import { together } from './support/together.ts'

together('BGP interop with', IMPLEMENTATIONS)
