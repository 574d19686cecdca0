/** The box that pages before the login stand in. */
import type { ReactNode } from 'react'
import { useTitle } from '../../ui/layout'
import css from './login.module.css'

export function Box({ title, children }: { title: string; children: ReactNode }) {
  useTitle(title)
  return (
    <main className={css.page}>
      <div className={css.box}>
        <div className={css.brand}>
          <img src="/favicon.svg" width="28" height="28" alt="" />
          <h1>{title}</h1>
        </div>
        {children}
      </div>
    </main>
  )
}
