import type { ButtonHTMLAttributes, ReactNode } from 'react'
import css from './parts.module.css'

type ButtonKind = 'primary' | 'danger' | 'plain'

type Props = ButtonHTMLAttributes<HTMLButtonElement> & { kind?: ButtonKind; small?: boolean; busy?: boolean }

export function Button({ kind, small, busy, disabled, className, ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      className={`${css.button} ${className ?? ''}`}
      data-kind={kind}
      data-size={small ? 'small' : undefined}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
    />
  )
}

/** A button with only an icon; its label is what it is called by. */
export function IconButton({ label, ...rest }: Props & { label: string; children: ReactNode }) {
  return <Button kind="plain" title={label} aria-label={label} className={css.icon} {...rest} />
}

/** The class of a link that looks like a button. */
export const buttonClass = css.button
