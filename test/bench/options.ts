import { type ParseArgsConfig, parseArgs } from 'node:util'

/**
 * The options of a benchmark. Asked for help, or for what there is not, it says how it is called and ends: with 0, or with 2.
 * @param usage what stands behind `npm run`, and a line for each option
 */
export function benchOptions<const T extends ParseArgsConfig>(
  usage: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  if (process.argv.slice(2).some((argument) => argument === '--help' || argument === '-h')) {
    process.stdout.write(`npm run ${usage}\n`)
    process.exit(0)
  }
  try {
    return parseArgs<T>(config)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nnpm run ${usage}\n`)
    process.exit(2)
  }
}
