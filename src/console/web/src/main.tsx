/** Starts the console. The bridge comes first of all: libraries make their styles when they are loaded. */
import { bridgeStyles } from './csp/style-bridge'
import './style/tokens.css'
import './style/base.css'
import { CSPProvider } from '@base-ui/react/csp-provider'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { createRoot } from 'react-dom/client'
import { router } from './router'
import { queries } from './session/session'
import { Toasts } from './ui/toast'

bridgeStyles(document)

const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={queries}>
        <Toasts>
          <RouterProvider router={router} />
        </Toasts>
      </QueryClientProvider>
    </CSPProvider>,
  )
}
