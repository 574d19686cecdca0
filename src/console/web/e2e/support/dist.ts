/**
 * Serves the console of a folder in place of the one in the binary, so that a change of the console needs no build of the server:
 * `CONSOLE_DIST=dist npm run e2e`. Headers, the policy among them, are the server's. Sizes and times are measured without it.
 */
import { existsSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { BrowserContext } from 'playwright-core'

/** A page that comes from a folder is of no address, and may not open sockets to this machine unless the browser is told so. */
export const DIST_ARGS = ['--disable-features=LocalNetworkAccessChecks']

const TYPES: Record<string, string> = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json' }

export async function serveDist(context: BrowserContext, folder: string): Promise<void> {
  await context.route('**/*', async (route) => {
    const request = route.request()
    const { pathname } = new URL(request.url())
    const file = join(folder, pathname)
    if (pathname.startsWith('/assets/') && existsSync(file)) {
      return route.fulfill({ body: readFileSync(file), contentType: TYPES[extname(file)] ?? 'application/octet-stream' })
    }
    if (request.resourceType() !== 'document') return route.continue()
    const response = await route.fetch({ maxRedirects: 0 })
    const console = response.headers()['content-type']?.startsWith('text/html') && (await response.text()).includes('id="root"')
    return console ? route.fulfill({ response, body: readFileSync(join(folder, 'index.html'), 'utf8') }) : route.fulfill({ response })
  })
}
