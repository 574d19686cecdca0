//! The module tree of a crate, parsed, and the paths that its code names, resolved to where they begin at the crate's root.
//! Tests (`#[cfg(test)]`) are left out. This is name resolution without types: a path is followed through `use`, `self`,
//! `super`, renames and globs to a module of the crate or to another crate; what is left of it names an item or its parts.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, ItemMacro, ItemMod, ItemUse, Macro, Meta, UseTree, Visibility};

/// Segments of a path from the crate's root. A path into another crate begins with `extern`.
pub type Segments = Vec<String>;

/// Where something is named, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The module whose code it is.
    pub module: Segments,
    pub file: PathBuf,
    pub line: usize,
    pub path: Segments,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// In code, or brought into scope.
    Named,
    /// By a `use` that others see.
    Reexported,
    /// A macro that is called.
    Called,
}

/// A file of the crate.
#[derive(Debug)]
pub struct Source {
    pub path: PathBuf,
    pub text: String,
}

/// A module as it was read: what it brings into scope, before any of it is resolved.
#[derive(Debug, Default)]
struct Scope {
    names: BTreeMap<String, Segments>,
    globs: Vec<Segments>,
}

/// A crate's modules.
#[derive(Debug, Default)]
pub struct Crate {
    pub files: Vec<Source>,
    scopes: BTreeMap<Segments, Scope>,
    found: Vec<Found>,
}

/// A path as it stands in the code.
#[derive(Debug)]
struct Found {
    module: Segments,
    file: PathBuf,
    line: usize,
    path: Segments,
    kind: Kind,
}

impl Crate {
    /// Reads a crate from its root file.
    pub fn read(root: &Path) -> Self {
        let mut read = Self::default();
        let folder = root.parent().unwrap();
        read.file(root, folder, &[]);
        read
    }

    /// Reads a crate of one file, for the tests of this file.
    #[cfg(test)]
    fn of(text: &str) -> Self {
        let mut read = Self::default();
        let file = syn::parse_file(text).unwrap();
        read.items(&file, Path::new("lib.rs"), Path::new("."), &[]);
        read
    }

    fn file(&mut self, path: &Path, folder: &Path, module: &[String]) {
        let text = fs::read_to_string(path).unwrap();
        let file = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let path = path.to_owned();
        self.items(&file, &path, folder, module);
        self.files.push(Source { path, text });
    }

    fn items(&mut self, file: &File, path: &Path, folder: &Path, module: &[String]) {
        self.scopes.entry(module.to_vec()).or_default();
        let mut reader = Reader {
            read: self,
            path,
            folder: folder.to_owned(),
            module: module.to_vec(),
        };
        for item in &file.items {
            reader.visit_item(item);
        }
    }

    /// Everything that the code names, in the order of the code.
    pub fn uses(&self) -> Vec<Use> {
        let resolved = |f: &Found| {
            let path = if f.kind == Kind::Called && f.path.len() == 1 {
                f.path.clone()
            } else {
                self.resolve(&f.module, &f.path, 0)?
            };
            Some(Use {
                module: f.module.clone(),
                file: f.file.clone(),
                line: f.line,
                path,
                kind: f.kind,
            })
        };
        self.found.iter().filter_map(resolved).collect()
    }

    /// All modules below the root.
    pub fn modules(&self) -> impl Iterator<Item = &Segments> {
        self.scopes.keys().filter(|m| !m.is_empty())
    }

    /// Whether a path leads to a module.
    pub fn is_module(&self, path: &[String]) -> bool {
        self.scopes.contains_key(path)
    }

    /// The path from the root. What is of the prelude or of the module itself looks like another crate, which does no harm.
    fn resolve(&self, module: &[String], path: &[String], depth: usize) -> Option<Segments> {
        let (first, rest) = path.split_first()?;
        let begun: Segments = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" => {
                let up = module.len().checked_sub(1)?;
                let mut path = rest.to_vec();
                path.insert(0, "self".into());
                return self.resolve(&module[..up], &path, depth);
            }
            "extern" => return Some(path.to_vec()),
            name => match self.lookup(module, name, depth) {
                Some(found) => found,
                None => return Some(external(path)),
            },
        };
        self.follow(begun, rest, depth)
    }

    /// Goes on from a path: each next name may be an alias of the module that has been reached.
    fn follow(&self, mut begun: Segments, rest: &[String], depth: usize) -> Option<Segments> {
        for (at, name) in rest.iter().enumerate() {
            if name == "self" || name == "super" {
                let up = usize::from(name == "super");
                begun.truncate(begun.len().checked_sub(up)?);
                continue;
            }
            let inside = self.is_module(&begun);
            let mut next = begun.clone();
            next.push(name.clone());
            if inside && !self.is_module(&next) && self.aliases_module(&begun, name) {
                next = self.lookup(&begun, name, depth)?;
                return self.follow(next, &rest[at + 1..], depth + 1);
            }
            begun = next;
        }
        Some(begun)
    }

    /// Whether a name of a module is another module that the first one brings into scope. (A re-exported item stays where it
    /// is re-exported: who names it depends on that place and not on where it comes from.)
    fn aliases_module(&self, module: &[String], name: &str) -> bool {
        let alias = self.scopes.get(module).and_then(|s| s.names.get(name));
        alias
            .and_then(|path| self.resolve(module, path, 1))
            .is_some_and(|path| self.is_module(&path))
    }

    /// What a name means in a module: a module below it, something in scope, or another crate.
    fn lookup(&self, module: &[String], name: &str, depth: usize) -> Option<Segments> {
        if depth > 8 {
            return None;
        }
        let mut child = module.to_vec();
        child.push(name.to_owned());
        if self.is_module(&child) {
            return Some(child);
        }
        let scope = self.scopes.get(module)?;
        if let Some(path) = scope.names.get(name) {
            // No module below has this name, so that it is that of another crate.
            if path[0] == name {
                return Some(external(path));
            }
            return self.resolve(module, path, depth + 1);
        }
        scope.globs.iter().find_map(|glob| {
            let from = self.resolve(module, glob, depth + 1)?;
            (self.is_module(&from) && from != module)
                .then(|| self.lookup(&from, name, depth + 1))
                .flatten()
        })
    }
}

fn external(path: &[String]) -> Segments {
    let mut all = vec!["extern".to_owned()];
    all.extend(path.iter().cloned());
    all
}

/// Collects the paths of one module.
struct Reader<'c, 'p> {
    read: &'c mut Crate,
    path: &'p Path,
    /// Where the files of modules below this one are.
    folder: PathBuf,
    module: Segments,
}

impl Reader<'_, '_> {
    fn note(&mut self, line: usize, path: Segments, kind: Kind) {
        self.read.found.push(Found {
            module: self.module.clone(),
            file: self.path.to_owned(),
            line,
            path,
            kind,
        });
    }

    fn leaves(&mut self, tree: &UseTree, before: &[String], kind: Kind) {
        let mut path = before.to_vec();
        match tree {
            UseTree::Path(p) => {
                path.push(p.ident.to_string());
                self.leaves(&p.tree, &path, kind);
            }
            UseTree::Group(g) => {
                for tree in &g.items {
                    self.leaves(tree, before, kind);
                }
            }
            UseTree::Name(n) => {
                if n.ident != "self" {
                    path.push(n.ident.to_string());
                }
                let name = path.last().cloned();
                self.bring(name, path, n.span().start().line, kind);
            }
            UseTree::Rename(r) => {
                if r.ident != "self" {
                    path.push(r.ident.to_string());
                }
                let name = Some(r.rename.to_string());
                self.bring(name, path, r.span().start().line, kind);
            }
            UseTree::Glob(g) => {
                let scope = self.read.scopes.entry(self.module.clone()).or_default();
                scope.globs.push(path.clone());
                path.push("*".into());
                self.note(g.span().start().line, path, kind);
            }
        }
    }

    fn bring(&mut self, name: Option<String>, path: Segments, line: usize, kind: Kind) {
        let scope = self.read.scopes.entry(self.module.clone()).or_default();
        if let Some(name) = name.filter(|n| n != "_") {
            scope.names.insert(name, path.clone());
        }
        self.note(line, path, kind);
    }

    /// Paths in the tokens of a macro, whose grammar is its own: names joined by `::`.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Segments = Vec::new();
        let mut line = 0;
        let mut colons = 0;
        for token in tokens {
            match &token {
                TokenTree::Ident(ident) if !path.is_empty() && colons == 2 => {
                    path.push(ident.to_string());
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(p) if p.as_char() == ':' && !path.is_empty() => {
                    colons += 1;
                    continue;
                }
                _ => {}
            }
            self.end_of_path(&mut path, line);
            colons = 0;
            match token {
                TokenTree::Ident(ident) => {
                    line = ident.span().start().line;
                    path.push(ident.to_string());
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        self.end_of_path(&mut path, line);
    }

    fn end_of_path(&mut self, path: &mut Segments, line: usize) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.note(line, path, Kind::Named);
        }
    }

    /// The file of `mod name;`.
    fn below(&mut self, item: &ItemMod, module: &[String]) {
        let name = item.ident.to_string();
        let given = item.attrs.iter().find_map(path_attribute);
        let file = match given {
            Some(path) => self.path.parent().unwrap().join(path),
            None => [
                self.folder.join(format!("{name}.rs")),
                self.folder.join(&name).join("mod.rs"),
            ]
            .into_iter()
            .find(|p| p.exists())
            .unwrap_or_else(|| panic!("no file of mod {name} in {}", self.folder.display())),
        };
        let folder = self.folder.join(&name);
        self.read.file(&file, &folder, module);
    }
}

impl<'ast> Visit<'ast> for Reader<'_, '_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let mut module = self.module.clone();
        module.push(item.ident.to_string());
        let Some((_, items)) = &item.content else {
            self.below(item, &module);
            return;
        };
        self.read.scopes.entry(module.clone()).or_default();
        let outer = std::mem::replace(&mut self.module, module);
        let folder = self.folder.join(item.ident.to_string());
        let outer_folder = std::mem::replace(&mut self.folder, folder);
        for item in items {
            self.visit_item(item);
        }
        self.module = outer;
        self.folder = outer_folder;
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let kind = if matches!(item.vis, Visibility::Inherited) {
            Kind::Named
        } else {
            Kind::Reexported
        };
        let begun: &[String] = if item.leading_colon.is_some() {
            &["extern".into()]
        } else {
            &[]
        };
        self.leaves(&item.tree, begun, kind);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if !is_test(&call.attrs) {
            visit::visit_expr_call(self, call);
        }
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.tokens(list.tokens.clone());
        visit::visit_meta_list(self, list);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        self.tokens(item.mac.tokens.clone());
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        let path = called.path.segments.iter();
        let path: Segments = path.map(|s| s.ident.to_string()).collect();
        self.note(called.path.span().start().line, path, Kind::Called);
        self.tokens(called.tokens.clone());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut all: Segments = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if path.leading_colon.is_some() {
            all.insert(0, "extern".into());
        }
        if all.len() > 1 {
            self.note(path.span().start().line, all, Kind::Named);
        }
        visit::visit_path(self, path);
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(i) => &i.attrs,
        Item::Enum(i) => &i.attrs,
        Item::Fn(i) => &i.attrs,
        Item::Impl(i) => &i.attrs,
        Item::Macro(i) => &i.attrs,
        Item::Mod(i) => &i.attrs,
        Item::Static(i) => &i.attrs,
        Item::Struct(i) => &i.attrs,
        Item::Trait(i) => &i.attrs,
        Item::Type(i) => &i.attrs,
        Item::Use(i) => &i.attrs,
        _ => &[],
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|a| match &a.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::Path(path) => path.is_ident("test"),
        Meta::NameValue(_) => false,
    })
}

fn path_attribute(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    let syn::Expr::Lit(literal) = &pair.value else {
        return None;
    };
    match &literal.lit {
        syn::Lit::Str(text) if pair.path.is_ident("path") => Some(text.value()),
        _ => None,
    }
}

/// What the module `a` of a crate names.
#[cfg(test)]
fn named_by_a(body: &str) -> Vec<String> {
    let text = format!(
        "mod a {{ mod below {{}} {body} }} mod b {{ pub mod c {{ pub struct D; }} pub use crate::e::f; }} mod e {{ pub mod f {{}} }}"
    );
    let uses = Crate::of(&text).uses();
    let of_a = uses.into_iter().filter(|u| u.module[0] == "a");
    of_a.map(|u| u.path.join("::")).collect()
}

#[test]
fn paths_are_resolved_to_where_they_lead() {
    for (body, named) in [
        (
            "use crate::b::{c, c::{self as x, D}};",
            &["b::c", "b::c", "b::c::D"][..],
        ),
        ("use super::b::*;", &["b::*"]),
        ("use self::below::X;", &["a::below::X"]),
        ("use below::X;", &["a::below::X"]),
        ("fn f() { crate::b::c::g(); }", &["b::c::g"]),
        ("fn f(_: super::b::c::D) {}", &["b::c::D"]),
        ("use crate::b as z; fn f() { z::c::g() }", &["b", "b::c::g"]),
        ("use crate::b; type T = Vec<b::c::D>;", &["b", "b::c::D"]),
        ("fn f() { use crate::b::c; c::g() }", &["b::c", "b::c::g"]),
        ("use crate::b::f; fn f() { f::g() }", &["e::f", "e::f::g"]),
        (
            "fn f() { print!(\"{}\", crate::b::c::g()) }",
            &["print", "b::c::g"],
        ),
        (
            "macro_rules! m { () => { $crate::b::c::g() } }",
            &["b::c::g"],
        ),
        (
            "use sqlx::Row; fn f() { sqlx::query() }",
            &["extern::sqlx::Row", "extern::sqlx::query"],
        ),
        ("mod deep { use super::super::b::c; }", &["b::c"]),
        (
            "mod deep { use super::*; fn f() { c::g() } } use crate::b::c;",
            &["a::*", "b::c::g", "b::c"],
        ),
        (
            "#[cfg(test)] mod tests { use crate::b; } #[cfg(test)] use crate::b;",
            &[],
        ),
        ("#[cfg(test)] fn f() { crate::b::g() }", &[]),
    ] {
        assert_eq!(named_by_a(body), named, "{body}");
    }
}

#[test]
fn reexports_and_lines_are_known() {
    let uses = Crate::of("mod a {\n pub(crate) use\n crate::b::C;\n}\nmod b {}").uses();
    assert_eq!((uses[0].line, uses[0].kind), (3, Kind::Reexported));
}
