#!/usr/bin/env node
/** Entry point of `kubectl podroute`: kubectl starts programs of its user's path that are called kubectl-NAME. */
import { VERSION } from '@podroute/agent/version.ts'
import { CommanderError } from 'commander'
import { CliError, exitStatus } from '../errors.ts'
import { processSurroundings } from '../surroundings.ts'
import { createPlugin } from './plugin.ts'

createPlugin(VERSION, 'kubectl', processSurroundings())
  .parseAsync()
  .catch((error: unknown) => {
    if (!(error instanceof CommanderError))
      process.stderr.write(
        `kubectl podroute: ${error instanceof CliError ? error.message : (error as Error).stack}\n`,
      )
    process.exitCode = exitStatus(error)
  })
