/** A real server for a story: the binary, an empty data folder, its first login, and simulated devices beside it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const ROOT = resolve(import.meta.dirname, '../../../../..')
export const FIXTURES = join(ROOT, 'firmware-fixtures')
/** The product that the firmware of the fixtures is for. */
export const PRODUCT = 'fixture-product'
export const ORG = 'home'

/** The binary: the one that is named, else the one that `cargo build` made. */
export function binary(): string {
  const path = process.env.NERVECENTER_BIN ?? join(ROOT, 'target/debug/nervecenter')
  if (!existsSync(path)) throw new Error(`${path} is missing: run cargo build, or name the binary with NERVECENTER_BIN`)
  return path
}

export async function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const probe = createServer()
    probe.once('error', failed)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Waits until a program prints a line that fits. */
async function printed(child: ChildProcess, wanted: RegExp): Promise<RegExpExecArray> {
  const lines: string[] = []
  return new Promise((done, failed) => {
    const late = setTimeout(() => failed(new Error(`${wanted} was not printed:\n${lines.join('\n')}`)), 120_000)
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line)
        const found = wanted.exec(line)
        if (found) {
          clearTimeout(late)
          done(found)
        }
      })
    }
    child.once('exit', (code) => {
      clearTimeout(late)
      failed(new Error(`it ended with ${code}:\n${lines.join('\n')}`))
    })
  })
}

/** `nervecenter demo`, with its fleet and its rollouts under way. */
export class Demo {
  private constructor(
    readonly base: string,
    readonly email: string,
    readonly password: string,
    private readonly process: ChildProcess,
  ) {}

  static async start(): Promise<Demo> {
    const child = spawn(binary(), ['demo'], { stdio: ['ignore', 'pipe', 'pipe'] })
    const login = printed(child, /open (\S+) and log in as (\S+) with the password (\S+)/)
    const scene = printed(child, /now 1\.2\.0 rolls out/)
    const [, base = '', email = '', password = ''] = await login
    await scene
    return new Demo(base, email, password, child)
  }

  async stop(): Promise<void> {
    const ended = new Promise((done) => this.process.once('exit', done))
    this.process.kill('SIGTERM')
    await ended
  }
}

export type Answer = { status: number; body: any }

export class TestServer {
  readonly email = 'admin@localhost'
  private token = ''
  private readonly children: ChildProcess[] = []

  private constructor(
    readonly base: string,
    readonly devices: string,
    readonly password: string,
    private readonly folder: string,
    private readonly process: ChildProcess,
  ) {}

  /** Starts a server with nothing in it but its first login. `more` are further flags, which may depend on its address; with a name it is
   * reached as `localhost`. */
  static async start({ named = false, more = [] }: { named?: boolean; more?: readonly string[] | ((base: string) => Promise<readonly string[]>) } = {}): Promise<TestServer> {
    const folder = mkdtempSync(join(tmpdir(), 'nervecenter-e2e-'))
    const [web, devices, downloads] = [await freePort(), await freePort(), await freePort()]
    const at = (port: number) => `127.0.0.1:${port}`
    const listen = ['--web-listen', at(web), '--device-listen', at(devices), '--download-listen', at(downloads)]
    const base = `http://${named ? `localhost:${web}` : at(web)}`
    const further = typeof more === 'function' ? await more(base) : more
    const flags = named ? ['--web-url', base, ...further] : further
    const child = spawn(binary(), ['serve', '--data-dir', folder, ...listen, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] })
    const found = await printed(child, /First login.* the password (\S+)/)
    const password = found[1] ?? ''
    const server = new TestServer(base, `wss://${at(devices)}`, password, folder, child)
    await server.logIn()
    return server
  }

  private async logIn(): Promise<void> {
    const answer = await this.api('POST', '/api/users/auth', { email: this.email, password: this.password })
    this.token = answer.body.data.token
  }

  /** Asks the API as the first user does, by a token. */
  async api(method: string, path: string, body?: unknown): Promise<Answer> {
    const headers: Record<string, string> = {}
    if (this.token) headers.authorization = `Bearer ${this.token}`
    if (body !== undefined) headers['content-type'] = 'application/json'
    const init: RequestInit = { method, headers }
    if (body !== undefined) init.body = JSON.stringify(body)
    const response = await fetch(this.base + path, init)
    const text = await response.text()
    return { status: response.status, body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text }
  }

  /** As `api`; a refusal ends the test. */
  async must(method: string, path: string, body?: unknown): Promise<any> {
    const { status, body: answer } = await this.api(method, path, body)
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(answer)}`)
    return answer?.data
  }

  /** Another person of the organization, who took an invitation. */
  async invited(email: string, role: string, password = 'correct horse battery'): Promise<{ base: string; email: string; password: string }> {
    const made = await this.must('POST', `/api/orgs/${ORG}/invites`, { email, role })
    const { pathname } = new URL(made.url, this.base)
    await this.must('POST', `/api/invites/${pathname.split('/').pop()}`, { name: email.split('@')[0], password })
    return { base: this.base, email, password }
  }

  /** A path of the fixtures' product. */
  product(path = ''): string {
    return `/api/orgs/${ORG}/products/${PRODUCT}${path}`
  }

  /** The file of a firmware of the fixtures. */
  fixture(name: string): string {
    return join(FIXTURES, `good/${name}.fw`)
  }

  /** The fixtures' product with all that firmware and devices need; answers its key and secret. */
  async makeProduct(): Promise<{ key: string; secret: string }> {
    await this.must('POST', `/api/orgs/${ORG}/products`, { name: PRODUCT })
    return this.fill()
  }

  /** The signing key, and a key and secret of the product. */
  async fill(): Promise<{ key: string; secret: string }> {
    const key = readFileSync(join(FIXTURES, 'keys/devkey.pub'), 'utf8').trim()
    await this.must('POST', `/api/orgs/${ORG}/keys`, { name: 'devkey', key })
    const secret = await this.must('POST', this.product('/shared_secrets'), {})
    return { key: secret.key, secret: secret.secret }
  }

  /** Uploads a firmware of the fixtures, such as `rpi4-1.0.0`; answers its uuid. */
  async upload(name: string): Promise<string> {
    const form = new FormData()
    form.set('firmware', new Blob([readFileSync(this.fixture(name))]), `${name}.fw`)
    const headers = { authorization: `Bearer ${this.token}` }
    const response = await fetch(this.base + this.product('/firmwares'), { method: 'POST', headers, body: form })
    const body: any = await response.json()
    if (response.status !== 201) throw new Error(`upload of ${name}: ${JSON.stringify(body)}`)
    return body.data.uuid
  }

  /** Registers so many devices at once, as a file does. */
  async fillDevices(n: number): Promise<void> {
    const lines = ['identifier,description,tags,certificates']
    for (let i = 0; i < n; i++) lines.push(`many-${String(i).padStart(6, '0')},,${['eu', 'us', 'lab'][i % 3]},`)
    const headers = { authorization: `Bearer ${this.token}`, 'content-type': 'text/csv' }
    const response = await fetch(this.base + this.product('/devices/import'), { method: 'POST', headers, body: lines.join('\n') })
    if (!response.ok) throw new Error(`import: ${response.status} ${(await response.text()).slice(0, 500)}`)
  }

  /** A deployment group that is on. */
  async group(name: string, firmware: string, more: object = {}): Promise<void> {
    await this.must('POST', this.product('/deployments'), { name, firmware, conditions: { version: '', tags: [] } })
    await this.must('PUT', this.product(`/deployments/${name}`), { deployment: { is_active: true, ...more } })
  }

  /** Runs simulated devices until the story ends. */
  sim(product: { key: string; secret: string }, devices: number, more: readonly string[] = []): ChildProcess {
    const args = ['sim', '--url', this.devices, '--server-ca', join(this.folder, 'tls/ca.pem'), '--devices', String(devices)]
    const auth = ['--product-key', product.key, '--product-secret', product.secret]
    const child = spawn(binary(), [...args, ...auth, ...more], { stdio: 'ignore' })
    this.children.push(child)
    return child
  }

  /** Waits until a look at the server finds something. */
  async until<T>(what: string, look: () => Promise<T | undefined | false>, patience = 60_000): Promise<T> {
    for (const end = Date.now() + patience; Date.now() < end; ) {
      const found = await look()
      if (found) return found
      await new Promise((done) => setTimeout(done, 200))
    }
    throw new Error(`still not: ${what}`)
  }

  /** How many devices a query finds. */
  async matching(query: string): Promise<number> {
    const { status, body } = await this.api('GET', this.product(`/devices?query=${encodeURIComponent(query)}`))
    if (status !== 200) throw new Error(`${query}: ${JSON.stringify(body)}`)
    return body.pagination.total_entries
  }

  /** Waits until so many devices are connected. */
  async connected(n: number, patience?: number): Promise<void> {
    const look = async () => {
      const { body } = await this.api('GET', this.product('/devices?filters[connection]=connected'))
      return body.pagination.total_entries >= n
    }
    await this.until(`${n} devices are connected`, look, patience)
  }

  /** The number of the server's process. */
  get pid(): number {
    return this.process.pid ?? 0
  }

  async stop(): Promise<void> {
    for (const child of this.children) child.kill('SIGKILL')
    if (this.process.exitCode === null) {
      const ended = new Promise((done) => this.process.once('exit', done))
      this.process.kill('SIGKILL')
      await ended
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}
