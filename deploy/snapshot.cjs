/**
 * What `node --build-snapshot` runs: loads the agent that its argument names with all of its functions compiled. Compiling one when
 * it is first called is a fifth of what an agent of 1,000 Services has to do until all are in place, where the processor is emulated.
 */
const { readFileSync } = process.getBuiltinModule('fs')
const { dirname } = process.getBuiltinModule('path')
const { setFlagsFromString } = process.getBuiltinModule('v8')
const { Script } = process.getBuiltinModule('vm')

const agent = process.argv[2]
const text = `(function (require, __filename, __dirname) {${readFileSync(agent, 'utf8')}\n})`
setFlagsFromString('--no-lazy')
const load = new Script(text, { filename: agent }).runInThisContext()
// Compiled code counts for one set of options only.
setFlagsFromString('--lazy')
load(require, agent, dirname(agent))
