/** A mail server for a story, as far as a server that sends to it needs one (RFC 5321), and what has come to it. */
import { type Server, createServer } from 'node:net'

export class Inbox {
  private readonly mails: string[] = []

  private constructor(
    readonly url: string,
    private readonly server: Server,
  ) {}

  static async open(): Promise<Inbox> {
    let inbox: Inbox | undefined
    const server = createServer((socket) => {
      let buffered = ''
      let mail: string[] | null = null
      socket.setEncoding('utf8')
      socket.write('220 story\r\n')
      socket.on('error', () => socket.destroy())
      socket.on('data', (text: string) => {
        const lines = (buffered + text).split('\r\n')
        buffered = lines.pop() ?? ''
        for (const line of lines) {
          if (mail) {
            if (line === '.') {
              inbox?.mails.push(mail.join('\n'))
              mail = null
              socket.write('250 taken\r\n')
            } else mail.push(line)
          } else if (line.startsWith('DATA')) {
            mail = []
            socket.write('354 go on\r\n')
          } else if (line.startsWith('QUIT')) socket.end('221 bye\r\n')
          else socket.write('250 fine\r\n')
        }
      })
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    inbox = new Inbox(`smtp://127.0.0.1:${port}`, server)
    return inbox
  }

  /** The path of the link to this page in the newest mail to this address with these words, when it has come. */
  async link(to: string, words: string, page: string): Promise<string> {
    for (const end = Date.now() + 30_000; Date.now() < end; ) {
      const plain = this.mails.map((mail) => mail.replaceAll('=\n', '').replaceAll('=3D', '='))
      const found = plain.findLast((mail) => mail.includes(`To: ${to}`) && mail.includes(words))
      const link = found?.match(new RegExp(`https?://[^/\\s]+(${page}\\S*)`))?.[1]
      if (link) return link
      await new Promise((done) => setTimeout(done, 100))
    }
    throw new Error(`no mail to ${to} with "${words}" and a link to ${page}:\n${this.mails.join('\n\n')}`)
  }

  close(): void {
    this.server.close()
  }
}
