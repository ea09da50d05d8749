//! Text → tree. The crate `cel` parses; its tree becomes ours, with limits and places.

use std::ops::Range;

use cel::Env;
use cel::IdedExpr;
use cel::common::ast::operators;
use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, SourceInfo};
use cel::parser::ParseErrors;

use crate::expr::Fault;
use crate::expr::scan::{Token, TokenKind, Tokens, too_deep};
use crate::expr::syntax::{Arithmetic, Call, Expression, Operator, Order, Syntax};
use crate::vocabulary::limits::{EXPRESSION_DEPTH_MAX, EXPRESSION_NODES_MAX};
use crate::vocabulary::value::Decimal;

/// The largest exponent of a number that keeps the decimal it spells.
const EXPONENT_MAX: i64 = 400;

/// Parses an expression. The parser recurses and may panic: the caller gives it a thread of its own.
pub(super) fn parse(text: &str) -> Result<Expression, Fault> {
    let tokens = Tokens::scan(text)?;
    // An environment without macros leaves `has`, `exists` and `all` as the calls that were written.
    let parsed = Env::default().parser().parse_with_source_info(text);
    let (tree, places) = parsed.map_err(|errors| syntax_fault(text, &tokens, &errors))?;
    let mut reader = Reader {
        text,
        tokens,
        places,
        nodes: 0,
    };
    reader.expression(&tree, 1)
}

/// The first thing that the parser did not understand.
fn syntax_fault(text: &str, tokens: &Tokens, errors: &ParseErrors) -> Fault {
    let Some(error) = errors.errors.first() else {
        return unreadable(0..text.len());
    };
    let start = offset(text, error.pos).min(text.len());
    let Some(token) = tokens.at(start).filter(|token| token.range.end > start) else {
        return Fault::error(
            text.trim_end().len()..text.len(),
            "the expression ends too early",
        )
        .help("write what the last operator takes, or take it out");
    };
    let spelled = text.get(token.range.clone()).unwrap_or_default();
    let (message, help) = if error.msg.starts_with("reserved identifier") {
        let message = format!("`{spelled}` is a reserved word");
        (message, "name a column like this as `this['if']`")
    } else if error.msg.starts_with("invalid int") || error.msg.starts_with("invalid uint") {
        let message = format!("`{spelled}` is out of range for an integer of 64 bits");
        (
            message,
            "write it with a point to make it a decimal or a double",
        )
    } else if error.msg.starts_with("invalid double") {
        let message = format!("`{spelled}` is out of range for a double");
        (message, "write a smaller number")
    } else if error.msg.starts_with("invalid") {
        let message = "this text holds an escape that means nothing".to_owned();
        (message, "write a backslash twice, or the text as `r'…'`")
    } else {
        let message = format!("`{spelled}` is not expected here");
        (message, "an operator or a comma may be missing before it")
    };
    let fault = Fault::error(token.range.clone(), message);
    match spelled.to_ascii_lowercase().as_str() {
        "and" => fault.help("write `&&`"),
        "or" => fault.help("write `||`"),
        "is" => fault.help("write `==`"),
        "not" => fault.help("write `!`"),
        _ => fault.help(help),
    }
}

/// The byte of a line and column, both from 1; columns count characters.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let skip = usize::try_from(line - 1).unwrap_or(0);
    let before: usize = text.split_inclusive('\n').take(skip).map(str::len).sum();
    let within = text.get(before..).unwrap_or_default();
    let column = usize::try_from(column - 1).unwrap_or(0);
    before
        + within
            .chars()
            .take(column)
            .map(char::len_utf8)
            .sum::<usize>()
}

struct Reader<'a> {
    text: &'a str,
    tokens: Tokens,
    places: SourceInfo,
    nodes: usize,
}

impl Reader<'_> {
    fn expression(&mut self, node: &IdedExpr, depth: usize) -> Result<Expression, Fault> {
        let start = self.start(node.id);
        let token = self.token(start);
        self.nodes += 1;
        if depth > EXPRESSION_DEPTH_MAX {
            return Err(too_deep(token));
        }
        if self.nodes > EXPRESSION_NODES_MAX {
            let message = format!("the expression has more than {EXPRESSION_NODES_MAX} parts");
            return Err(
                Fault::error(token, message).help("move parts of it into `computed` values")
            );
        }
        match &node.expr {
            Expr::Literal(literal) => Ok(self.literal(literal, token)),
            Expr::Ident(name) => Ok(leaf(Syntax::Name(name.as_str().into()), token)),
            Expr::Select(select) => {
                let of = self.expression(&select.operand, depth + 1)?;
                let name = self
                    .tokens
                    .after(start)
                    .map_or(token, |name| name.range.clone());
                Ok(Expression {
                    range: self.tokens.balanced(of.range.start..name.end),
                    name_range: name,
                    syntax: Syntax::Field(Box::new(of), select.field.as_str().into()),
                })
            }
            Expr::Call(call) => self.call(call, start, depth),
            Expr::List(list) => {
                if !list.optional_indices.is_empty() {
                    return Err(optional(token, "an optional element (`[?x]`)"));
                }
                let elements = self.expressions(&list.elements, depth)?;
                Ok(self.bracketed(start, Syntax::List(elements)))
            }
            Expr::Map(map) => {
                let mut entries = Vec::new();
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else {
                        return Err(unreadable(token));
                    };
                    if entry.optional {
                        return Err(optional(token, "an optional entry (`{?k: v}`)"));
                    }
                    let key = self.expression(&entry.key, depth + 1)?;
                    entries.push((key, self.expression(&entry.value, depth + 1)?));
                }
                Ok(self.bracketed(start, Syntax::Map(entries)))
            }
            Expr::Struct(message) => Err(Fault::error(
                self.token(
                    self.tokens
                        .before(start)
                        .map_or(start, |name| name.range.start),
                ),
                format!(
                    "messages (`{}{{…}}`) are not part of the rule language",
                    message.type_name
                ),
            )
            .help("write a map: `{'name': …}`")),
            Expr::Comprehension(_) | Expr::Unspecified => Err(unreadable(token)),
        }
    }

    fn expressions(&mut self, nodes: &[IdedExpr], depth: usize) -> Result<Vec<Expression>, Fault> {
        nodes
            .iter()
            .map(|node| self.expression(node, depth + 1))
            .collect()
    }

    fn start(&self, id: u64) -> usize {
        self.places
            .offset_for(id)
            .and_then(|(start, _)| usize::try_from(start).ok())
            .unwrap_or(0)
    }

    /// The token at a byte.
    fn token(&self, start: usize) -> Range<usize> {
        self.tokens
            .at(start)
            .map_or(0..self.text.len(), |token| token.range.clone())
    }

    fn literal(&self, literal: &LiteralValue, token: Range<usize>) -> Expression {
        let syntax = match literal {
            LiteralValue::Null => Syntax::Null,
            LiteralValue::Boolean(b) => Syntax::Bool(*b.inner()),
            LiteralValue::Int(n) => Syntax::Int(*n.inner()),
            LiteralValue::UInt(n) => Syntax::Uint(*n.inner()),
            LiteralValue::String(text) => Syntax::String(text.inner().into()),
            LiteralValue::Bytes(bytes) => Syntax::Bytes(bytes.inner().into()),
            LiteralValue::Double(n) => {
                let spelled = self.text.get(token.clone()).and_then(decimal);
                let decimal = if n.inner().is_sign_negative() {
                    spelled.map(|decimal| -decimal)
                } else {
                    spelled
                };
                Syntax::Double(*n.inner(), decimal)
            }
        };
        let is_negative = match &syntax {
            Syntax::Int(n) => *n < 0,
            Syntax::Double(n, _) => n.is_sign_negative(),
            _ => false,
        };
        // The parser gives a negative number the place of its digits.
        let start = match self.tokens.before(token.start) {
            Some(minus) if is_negative => minus.range.start,
            _ => token.start,
        };
        leaf(syntax, start..token.end)
    }

    fn bracketed(&self, open: usize, syntax: Syntax) -> Expression {
        let end = self.tokens.end_of_bracket(open).unwrap_or(open + 1);
        leaf(syntax, open..end)
    }

    fn call(&mut self, call: &CallExpr, start: usize, depth: usize) -> Result<Expression, Fault> {
        let token = self.token(start);
        let mut arguments = self.expressions(&call.args, depth)?.into_iter();
        if let Some(operator) = operator(&call.func_name) {
            return match (arguments.next(), arguments.next()) {
                (Some(left), Some(right)) => Ok(Expression {
                    range: self.tokens.balanced(left.range.start..right.range.end),
                    name_range: token,
                    syntax: Syntax::Binary(operator, Box::new(left), Box::new(right)),
                }),
                _ => Err(unreadable(token)),
            };
        }
        let (first, second, third) = match call.func_name.as_str() {
            operators::LOGICAL_NOT | operators::NEGATE => (arguments.next(), None, None),
            operators::INDEX => (arguments.next(), arguments.next(), None),
            operators::CONDITIONAL => (arguments.next(), arguments.next(), arguments.next()),
            operators::OPT_SELECT => return Err(optional(token, "optional access (`.?`)")),
            operators::OPT_INDEX => return Err(optional(token, "optional access (`[?…]`)")),
            _ => return self.named_call(call, start, arguments.collect(), depth),
        };
        let Some(first) = first else {
            return Err(unreadable(token));
        };
        let (from, to) = (first.range.start, first.range.end);
        let (range, syntax) = match (call.func_name.as_str(), second, third) {
            (operators::LOGICAL_NOT, _, _) => (token.start..to, Syntax::Not(Box::new(first))),
            (operators::NEGATE, _, _) => (token.start..to, Syntax::Negate(Box::new(first))),
            (operators::INDEX, Some(index), _) => {
                let end = self.tokens.end_of_bracket(start).unwrap_or(token.end);
                let name_range = index.range.clone();
                return Ok(Expression {
                    range: self.tokens.balanced(from..end),
                    name_range,
                    syntax: Syntax::Index(Box::new(first), Box::new(index)),
                });
            }
            (_, Some(second), Some(third)) => (
                from..third.range.end,
                Syntax::Conditional(Box::new([first, second, third])),
            ),
            _ => return Err(unreadable(token)),
        };
        Ok(Expression {
            range: self.tokens.balanced(range),
            name_range: token,
            syntax,
        })
    }

    fn named_call(
        &mut self,
        call: &CallExpr,
        open: usize,
        arguments: Vec<Expression>,
        depth: usize,
    ) -> Result<Expression, Fault> {
        let on = match &call.target {
            Some(target) => Some(self.expression(target, depth + 1)?),
            None => None,
        };
        let end = self.tokens.end_of_bracket(open).unwrap_or(open + 1);
        let name_range = match self.tokens.before(open) {
            Some(Token {
                kind: TokenKind::Word,
                range,
            }) => range.clone(),
            _ => self.token(open),
        };
        let start = on.as_ref().map_or(name_range.start, |on| on.range.start);
        Ok(Expression {
            range: self.tokens.balanced(start..end),
            name_range,
            syntax: Syntax::Call(Box::new(Call {
                on,
                function: call.func_name.as_str().into(),
                arguments,
            })),
        })
    }
}

fn leaf(syntax: Syntax, range: Range<usize>) -> Expression {
    Expression {
        name_range: range.clone(),
        range,
        syntax,
    }
}

/// The decimal that digits spell; `None` for an exponent that no column reaches.
fn decimal(spelled: &str) -> Option<Decimal> {
    let exponent = spelled
        .split_once(['e', 'E'])
        .map_or(Some(0), |(_, exponent)| exponent.parse::<i64>().ok())?;
    if exponent.abs() > EXPONENT_MAX {
        return None;
    }
    spelled.parse().ok()
}

fn operator(name: &str) -> Option<Operator> {
    Some(match name {
        operators::LOGICAL_AND => Operator::And,
        operators::LOGICAL_OR => Operator::Or,
        operators::EQUALS => Operator::Equal,
        operators::NOT_EQUALS => Operator::NotEqual,
        operators::LESS => Operator::Order(Order::Less),
        operators::LESS_EQUALS => Operator::Order(Order::LessOrEqual),
        operators::GREATER => Operator::Order(Order::Greater),
        operators::GREATER_EQUALS => Operator::Order(Order::GreaterOrEqual),
        operators::IN => Operator::In,
        operators::ADD => Operator::Arithmetic(Arithmetic::Add),
        operators::SUBSTRACT => Operator::Arithmetic(Arithmetic::Subtract),
        operators::MULTIPLY => Operator::Arithmetic(Arithmetic::Multiply),
        operators::DIVIDE => Operator::Arithmetic(Arithmetic::Divide),
        operators::MODULO => Operator::Arithmetic(Arithmetic::Remainder),
        _ => return None,
    })
}

/// Syntax of optional values, which the language does not have.
fn optional(range: Range<usize>, what: &str) -> Fault {
    Fault::error(range, format!("{what} is not part of the rule language"))
        .help("write `has(x.y) ? x.y : …`")
}

fn unreadable(range: Range<usize>) -> Fault {
    Fault::error(range, "this cannot be read").help("write it in a simpler way")
}
