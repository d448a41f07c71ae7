// SPDX-License-Identifier: GPL-2.0-only
//
// Facts about calls of GUP, for scripts/gup-users: a line each, with tabs between.
//
//	call   FILE LINE COLUMN FUNCTION NAME ARGS...	a call
//	set    FILE LINE COLUMN FUNCTION X OP VALUE	an assignment to X, a variable or
//							a field (->X) in a call's gup_flags
//	type   FILE LINE COLUMN FUNCTION X TYPE		X is a local variable of TYPE
//	if     FILE LINE COLUMN FUNCTION X CONDITION	that assignment depends on it
//	param  FILE LINE COLUMN FUNCTION X N TYPE	at the call, X is parameter N
//	caller FILE LINE COLUMN FUNCTION NAME ARGS...	a call of a function with such a
//							parameter
//
// Which argument is gup_flags, results/gup_users.py also knows; it makes the rows.

@initialize:python@
@@
def out(what, p, *fields):
    fields = (p[0].file, p[0].line, p[0].column, p[0].current_element) + fields
    print("\t".join([what] + [" ".join(str(f).split()) for f in fields]))

@call@
identifier fn =~ "^((pin|get)_user_pages(_fast|_fast_only|_unlocked|_remote|_locked)?|get_user_page_(fast_only|vma_remote)|memfd_pin_folios)$";
expression list args;
position p;
@@
fn@p(args)

@script:python@
fn << call.fn;
args << call.args;
p << call.p;
@@
out("call", p, fn, args)

// ---------------------------------------------- variables in gup_flags

@variable@
identifier second =~ "^get_user_page_fast_only$";
identifier third =~ "^((pin|get)_user_pages(_fast|_fast_only|_locked)?|get_user_page_vma_remote)$";
identifier fourth =~ "^(pin|get)_user_pages_(unlocked|remote)$";
identifier x !~ "^[A-Z0-9_]+$";
expression a, b, c;
position p;
@@
(
second@p(a, <+... x ...+>, ...)
|
third@p(a, b, <+... x ...+>, ...)
|
fourth@p(a, b, c, <+... x ...+>, ...)
)

@set@
identifier variable.x;
expression value;
assignment operator op;
position q;
@@
x@q op value

@script:python@
x << variable.x;
q << set.q;
op << set.op;
value << set.value;
@@
out("set", q, x, op, value)

@declared@
identifier variable.x;
type T;
position q;
@@
(
T x@q;
|
T x@q = ...;
)

@script:python@
x << variable.x;
q << declared.q;
T << declared.T;
@@
out("type", q, x, T)

@then disable neg_if_exp, drop_else@
identifier variable.x;
expression condition, value;
assignment operator op;
statement S;
position set.q;
@@
(
if (condition) { <+... x@q op value ...+> } else S
|
if (condition) { <+... x@q op value ...+> }
)

@script:python@
x << variable.x;
q << set.q;
condition << then.condition;
@@
out("if", q, x, condition)

@otherwise disable neg_if_exp@
identifier variable.x;
expression condition, value;
assignment operator op;
statement S;
position set.q;
@@
if (condition) S else { <+... x@q op value ...+> }

@script:python@
x << variable.x;
q << set.q;
condition << otherwise.condition;
@@
out("if", q, x, "!(%s)" % condition)

// ---------------------------------------------- fields in gup_flags

@member@
identifier second =~ "^get_user_page_fast_only$";
identifier third =~ "^((pin|get)_user_pages(_fast|_fast_only|_locked)?|get_user_page_vma_remote)$";
identifier fourth =~ "^(pin|get)_user_pages_(unlocked|remote)$";
identifier x;
expression a, b, c, e;
@@
(
second(a, <+... e->x ...+>, ...)
|
third(a, b, <+... e->x ...+>, ...)
|
fourth(a, b, c, <+... e->x ...+>, ...)
)

@member_set@
identifier member.x;
expression e, value;
assignment operator op;
position q;
@@
(
e->x@q op value
|
e.x@q op value
)

@script:python@
x << member.x;
q << member_set.q;
op << member_set.op;
value << member_set.value;
@@
out("set", q, "->" + x, op, value)

@member_then disable neg_if_exp, drop_else@
identifier member.x;
expression condition, value, e;
assignment operator op;
statement S;
position member_set.q;
@@
(
if (condition) { <+... e->x@q op value ...+> } else S
|
if (condition) { <+... e->x@q op value ...+> }
|
if (condition) { <+... e.x@q op value ...+> }
)

@script:python@
x << member.x;
q << member_set.q;
condition << member_then.condition;
@@
out("if", q, "->" + x, condition)

// ---------------------------------------------- parameters in gup_flags

@argument@
identifier variable.x, outer;
identifier call.fn;
position variable.p;
parameter list[n] before;
type T;
@@
outer(before, T x, ...) { <+... fn@p(...) ...+> }

@script:python@
x << variable.x;
p << variable.p;
n << argument.n;
T << argument.T;
@@
out("param", p, x, n, T)

@caller@
identifier argument.outer;
expression list args;
position p;
@@
outer@p(args)

@script:python@
outer << argument.outer;
args << caller.args;
p << caller.p;
@@
out("caller", p, outer, args)
