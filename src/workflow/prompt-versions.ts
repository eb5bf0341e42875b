/**
 * The versions of a prompt: the one in force is `prompts/NAME.md`, earlier ones stand in `prompts/versions/NAME.vN.md`, and what was
 * proposed and not yet taken in `prompts/proposals/NAME.vN.md`.
 *
 * Invariants: a file of `versions/` is written once; the version in force goes there before another takes its place, so that a crash
 * leaves at most both.
 */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Failure } from '../../contracts/failures.ts'
import { missingAsUndefined } from '../catalog/document-cache.ts'
import { type PromptFile, parsePrompt, readPrompt, readPromptFile } from './prompt-file.ts'

export class PromptVersions {
  readonly #dir: string

  constructor(promptsDir: string) {
    this.#dir = promptsDir
  }

  /** Every prompt in force, by name. @throws Failure PROMPT_INVALID */
  async all(): Promise<PromptFile[]> {
    const names = (await missingAsUndefined(readdir(this.#dir))) ?? []
    const prompts: PromptFile[] = []
    for (const file of names.toSorted()) {
      // Names of prompts begin with a small letter: a README is none.
      const [, name] = /^([a-z][\w-]*)\.md$/.exec(file) ?? []
      if (name !== undefined) prompts.push(await readPrompt(this.#dir, name))
    }
    return prompts
  }

  current(name: string): Promise<PromptFile> {
    return readPrompt(this.#dir, name)
  }

  /** What was proposed last for the prompt, of a version that is not in force yet. */
  async proposal(name: string): Promise<PromptFile | undefined> {
    const { version } = await this.current(name)
    return this.#read('proposals', name, version + 1)
  }

  /** Keeps a text as the next version, for people to take. Returns where. */
  async propose(name: string, text: string): Promise<string> {
    const { owner, version } = await this.current(name)
    const file = this.#file('proposals', name, version + 1)
    await this.#write(file, render(owner, version + 1, text))
    return file
  }

  /** Puts the proposal in force. @throws Failure PROMPT_INVALID where there is none. */
  async adopt(name: string): Promise<PromptFile> {
    const proposal = await this.proposal(name)
    if (proposal === undefined)
      throw new Failure('PROMPT_INVALID', `Nothing is proposed for prompts/${name}.md.`, {
        wayOut: `Propose something with \`aiworkflow prompts DIR ${name} --propose\`.`,
      })
    await this.replace(name, proposal.text)
    await rm(this.#file('proposals', name, proposal.version), { force: true })
    return this.current(name)
  }

  /** Goes back to what an earlier version said, as a version of its own. @throws Failure PROMPT_INVALID where there is no such one. */
  async revert(name: string, version: number): Promise<PromptFile> {
    const earlier = await this.#read('versions', name, version)
    if (earlier === undefined)
      throw new Failure('PROMPT_INVALID', `prompts/${name}.md has no earlier version ${version}.`, {
        wayOut: 'The folder prompts/versions has those that are kept.',
      })
    await this.replace(name, earlier.text)
    return this.current(name)
  }

  /** Makes a text the next version, and keeps the one before. */
  async replace(name: string, text: string): Promise<void> {
    const { owner, version, text: before } = await this.current(name)
    await this.#write(this.#file('versions', name, version), render(owner, version, before))
    await this.#write(join(this.#dir, `${name}.md`), render(owner, version + 1, text))
  }

  async #read(folder: string, name: string, version: number): Promise<PromptFile | undefined> {
    const whole = await missingAsUndefined(readPromptFile(this.#file(folder, name, version)))
    return whole === undefined ? undefined : parsePrompt(name, whole, `prompts/${folder}/${name}.v${version}.md`)
  }

  #file(folder: string, name: string, version: number): string {
    return join(this.#dir, folder, `${name}.v${version}.md`)
  }

  async #write(file: string, text: string): Promise<void> {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(`${file}.draft`, text)
    await rename(`${file}.draft`, file)
  }
}

const render = (owner: string, version: number, text: string): string =>
  `---\nowner: ${JSON.stringify(owner)}\nversion: ${version}\n---\n\n${text.trim()}\n`
