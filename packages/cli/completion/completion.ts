/** `podroute completion SHELL`, and the hidden command that its scripts ask. */
import { Argument, Command } from 'commander'
import { askTables } from '../client.ts'
import { CliError } from '../errors.ts'
import { candidates, type Names } from './candidates.ts'
import { ASK, completionScript, isShell, SHELLS } from './scripts.ts'

const HELP = `
  bash      source <(podroute completion bash)            in ~/.bashrc
  zsh       source <(podroute completion zsh)             in ~/.zshrc, behind compinit
  fish      podroute completion fish | source             in ~/.config/fish/config.fish
  kubectl   kubectl podroute completion kubectl > kubectl_complete-podroute, and chmod +x, in a folder of the PATH`

export function completionCommand(write: (text: string) => void): Command {
  return new Command('completion')
    .description('what a shell needs to complete the words of podroute')
    .addArgument(new Argument('<shell>', SHELLS.join(', ')).choices(SHELLS))
    .addHelpText('after', HELP)
    .action((shell: string) => write(scriptFor(shell)))
}

/** @throws CliError */
export function scriptFor(shell: string | undefined): string {
  if (shell !== undefined && isShell(shell)) return completionScript(shell)
  throw new CliError('usage', `completion is for one of ${SHELLS.join(', ')}`)
}

/** @param program with all its commands, this one too */
export function askedByShells(program: Command, names: Names, write: (text: string) => void): Command {
  return new Command(ASK).argument('[words...]').action(async (words: readonly string[]) => {
    write((await candidates(program, words, names)).map((one) => `${one}\n`).join(''))
  })
}

/** Where Services are wanted: those that the agent serves, which are in the first column of its page. */
export function namesFromAgent(socket: string): Names {
  return async (of) => {
    if (of !== 'to') return []
    const { tables } = await askTables(socket, 'services').catch(() => ({ tables: [] }))
    const shown = (tables[0]?.rows ?? []).map(([name = '']) => name)
    return [...new Set(shown.filter((name) => /^[\w.-]+\/[\w.-]+/.test(name)))]
  }
}
