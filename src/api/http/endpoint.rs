//! Handlers whose answers the document can be made of.

use super::answer::Documented;
use super::error::Result;
use crate::app::App;
use axum::handler::Handler;
use std::future::Future;

/// A handler that returns [`Result`] of a [`Documented`] answer. `T` is what axum's [`Handler`] tells apart by how many
/// arguments a function takes.
///
/// The contract takes only such handlers. The successful answers of the document are thus read from the handler's own
/// return type, and a handler that returns a bare response does not compile as a route.
pub trait Endpoint<T>: Handler<T, App> {
    /// What the handler returns when it succeeds.
    type Answer: Documented;
}

macro_rules! endpoint {
    ($($marker:ident)? ; $($argument:ident),*) => {
        impl<F, Fut, A, $($marker,)? $($argument,)*> Endpoint<endpoint!(@ $($marker)?; $($argument),*)> for F
        where
            F: Handler<endpoint!(@ $($marker)?; $($argument),*), App> + FnOnce($($argument),*) -> Fut,
            Fut: Future<Output = Result<A>>,
            A: Documented,
        {
            type Answer = A;
        }
    };
    // Axum gives a function without arguments a marker of its own.
    (@ ;) => { ((),) };
    (@ $marker:ident; $($argument:ident),*) => { ($marker, $($argument,)*) };
}

// As many arguments as the longest handler of ours takes.
endpoint!(;);
endpoint!(M; T1);
endpoint!(M; T1, T2);
endpoint!(M; T1, T2, T3);
endpoint!(M; T1, T2, T3, T4);
endpoint!(M; T1, T2, T3, T4, T5);
