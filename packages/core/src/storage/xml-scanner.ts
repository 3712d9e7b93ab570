/**
 * Reads an XML document of known shape element by element, without building a tree: listings are the bulk of what the
 * tool parses (a general parser handles some 85,000 keys per second, this one well over 300,000). Attributes are skipped;
 * comments, CDATA and processing instructions inside the root do not occur in what S3 sends and are refused.
 */
export class XmlScanner {
  readonly #text: string;
  #position = 0;
  /** Set by `<name/>`: its end tag is not in the text. */
  #selfClosed: string | undefined;

  constructor(text: string) {
    this.#text = text;
    if (text.startsWith('\uFEFF')) this.#position = 1;
    if (text.startsWith('<?xml', this.#position)) this.#position = this.#find('?>', this.#position) + 2;
  }

  /**
   * Moves into the next child element.
   * @returns its name, or `undefined` where the parent's end tag comes next
   * @throws XmlSyntaxError
   */
  nextElement(): string | undefined {
    if (this.#selfClosed !== undefined) return undefined;
    this.#skipSpace();
    const text = this.#text;
    if (text.charCodeAt(this.#position) !== LESS_THAN) throw this.#error('expected a tag');
    if (text.charCodeAt(this.#position + 1) === SLASH) return undefined;
    let end = this.#find('>', this.#position);
    let nameEnd = text.charCodeAt(end - 1) === SLASH ? end - 1 : end;
    for (let i = this.#position + 1; i < nameEnd; i++) if (text.charCodeAt(i) <= SPACE) nameEnd = i;
    if (text.charCodeAt(nameEnd) <= SPACE) end = this.#endOfAttributes(nameEnd);
    const selfClosed = text.charCodeAt(end - 1) === SLASH;
    const name = text.slice(this.#position + 1, nameEnd);
    const first = name.charCodeAt(0);
    if (name === '' || first === EXCLAMATION || first === QUESTION) throw this.#error('unexpected markup');
    this.#position = end + 1;
    if (selfClosed) this.#selfClosed = name;
    return name;
  }

  /**
   * Moves past what a pattern matches from here on, white space not skipped: several elements at once, of which the order is
   * known most of the time.
   * @param pattern sticky, of whole elements
   */
  match(pattern: RegExp): RegExpExecArray | undefined {
    if (this.#selfClosed !== undefined) return undefined;
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.#text) ?? undefined;
    if (match !== undefined) this.#position = pattern.lastIndex;
    return match;
  }

  /** Reads text up to the end tag of `name`, which is the element just entered. References are left undecoded. */
  text(name: string): string {
    if (this.#selfClosed === name) {
      this.#selfClosed = undefined;
      return '';
    }
    const end = this.#find('<', this.#position);
    const text = this.#text.slice(this.#position, end);
    this.#position = end;
    this.leave(name);
    return text;
  }

  /** Moves past the end tag of `name`. */
  leave(name: string): void {
    if (this.#selfClosed === name) {
      this.#selfClosed = undefined;
      return;
    }
    this.#skipSpace();
    const start = this.#position;
    const end = start + name.length + 2;
    const text = this.#text;
    // Without building the end tag's text: this runs a dozen times per key.
    const fits =
      text.charCodeAt(start) === LESS_THAN &&
      text.charCodeAt(start + 1) === SLASH &&
      text.charCodeAt(end) === GREATER_THAN &&
      text.startsWith(name, start + 2);
    if (!fits) throw this.#error(`expected the end of ${name}`);
    this.#position = end + 1;
  }

  /** Moves past the element just entered, whatever it holds. */
  skip(name: string): void {
    // Not by recursion: how deep a document is must not decide about the stack.
    const open = [name];
    this.#skipText();
    for (let innermost = open.at(-1); innermost !== undefined; innermost = open.at(-1)) {
      const child = this.nextElement();
      if (child === undefined) {
        this.leave(innermost);
        open.pop();
      } else {
        open.push(child);
        this.#skipText();
      }
    }
  }

  /** Moves past text that is all that the element just entered holds. */
  #skipText(): void {
    if (this.#selfClosed !== undefined) return;
    const end = this.#find('<', this.#position);
    if (this.#text.charCodeAt(end + 1) === SLASH) this.#position = end;
  }

  /** @returns where the `>` of a tag is, which may also stand in a value before it */
  #endOfAttributes(nameEnd: number): number {
    ATTRIBUTES.lastIndex = nameEnd;
    if (!ATTRIBUTES.test(this.#text)) throw this.#error('expected attributes');
    return ATTRIBUTES.lastIndex - 1;
  }

  #find(what: string, from: number): number {
    const found = this.#text.indexOf(what, from);
    if (found === -1) throw this.#error('the document breaks off');
    return found;
  }

  #skipSpace(): void {
    while (this.#text.charCodeAt(this.#position) <= SPACE) this.#position++;
  }

  #error(problem: string): XmlSyntaxError {
    return new XmlSyntaxError(`${problem} at character ${this.#position} of ${this.#text.length}`);
  }
}

/** The document is not what it should be: cut off, or something else altogether. */
export class XmlSyntaxError extends Error {
  override readonly name = 'XmlSyntaxError';
}

const ATTRIBUTES = /(?:\s+[^\s"'<>/=]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*\/?>/y;

const LESS_THAN = 0x3c;
const GREATER_THAN = 0x3e;
const SLASH = 0x2f;
const EXCLAMATION = 0x21;
const QUESTION = 0x3f;
const SPACE = 0x20;
