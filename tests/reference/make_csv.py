#!/usr/bin/env python3
"""Random frames written as CSV in the dialects of NumPy, pandas and spreadsheets, with what they must read back as.

    python3 tests/reference/make_csv.py [--frames 100000] [--seed 1] [--check PROGRAM] [--write FILE]

--check PROGRAM reads all of them by PROGRAM (rnnlua) with tests/reference/check_csv.lua and prints what differs;
--write makes the fixed sample that csv_sample_spec.lua reads. Python alone is needed.
"""
import argparse, base64, datetime, gzip, json, random, subprocess, sys

WORDS = ["rain", "sun", "Köln", "São Paulo", 'say "yes"', "a,b", "c;d", "x y", "two\nlines", "été", "naïve"]
FORMATS = [  # strftime, the option for it (None: found), microseconds of what it cannot say
    ("%Y-%m-%d %H:%M:%S", None, 10**6), ("%Y-%m-%dT%H:%M", None, 60 * 10**6), ("%Y/%m/%d %H:%M", None, 60 * 10**6),
    ("%d.%m.%Y %H:%M", None, 60 * 10**6), ("%Y-%m-%d %H:%M:%S.%f", None, 1), ("%d %b %Y %I:%M %p", None, 60 * 10**6),
    ("%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M", 60 * 10**6), ("%m/%d/%y", "%m/%d/%y", 86400 * 10**6),
    ("%Y-%m-%d", None, 86400 * 10**6), ("%d.%m.%Y", None, 86400 * 10**6), ("%Y%m%d", "%Y%m%d", 86400 * 10**6),
]
EPOCH = datetime.datetime(1970, 1, 1)


def number_text(value, style, decimal, thousands):
    text = repr(value) if style == "repr" else "%.17g" % value if style == "17g" else "%.18e" % value
    if thousands and "e" not in text and "." in text:
        whole, rest = text.split(".")
        sign, whole = ("-", whole[1:]) if whole[0] == "-" else ("", whole)
        groups = []
        while len(whole) > 3:
            groups.insert(0, whole[-3:])
            whole = whole[:-3]
        text = sign + thousands.join([whole] + groups) + "." + rest
        return text.replace(".", "\0").replace(thousands, thousands).replace("\0", decimal) if thousands != "." else \
            (sign + ".".join([whole] + groups) + decimal + rest)
    return text.replace(".", decimal)


def column(r, rows, dialect):
    kind = r.choice(["double", "integer", "int64", "text", "date", "date", "zoned"])
    missing = r.choice(["", "", "NA", "NaN", "null"])
    share = r.choice([0, 0, 0.2])
    cells, values, option = [], [], None
    words = [w for w in WORDS if dialect["text"](w)]
    style = r.choice(["repr", "17g", "18e"])
    form, option_format, unit = r.choice(FORMATS)
    zone = r.choice(["Z", "+00:00", "+02:00", "-03:30", "mixed"])
    for i in range(rows):
        if i > 0 and r.random() < share and not (kind == "text" and missing):
            cells.append("" if kind == "text" else missing)
            values.append(None)
            continue
        if kind == "double":
            value = r.choice([r.uniform(-1e6, 1e6), r.gauss(0, 1), round(r.uniform(-999, 99999), 2), r.random() * 1e-9])
            if i == 0:
                value = 0.5
            cells.append(number_text(value, style, dialect["decimal"], dialect["thousands"]))
            values.append(value)
        elif kind in ("integer", "int64"):
            value = r.randint(-10**6, 10**6) if kind == "integer" else r.randint(2**60, 2**62) | 1
            cells.append(str(value))
            values.append(value)
        elif kind == "text":
            value = words[i % len(words)] if i == 0 else r.choice(words)
            cells.append(value)
            values.append(value)
        else:
            micros = r.randint(0, 2 * 10**15) if kind == "zoned" else r.randint(0, 2 * 10**15) // unit * unit
            moment = EPOCH + datetime.timedelta(microseconds=micros)
            if kind == "date":
                if i == 0 and unit == 86400 * 10**6 and option_format is None and form[0] == "%d":
                    pass
                option = option_format
                cells.append(moment.strftime(form))
            else:
                z = r.choice(["+02:00", "+01:00"]) if zone == "mixed" else zone
                if i == 0 and micros % (86400 * 10**6) == 0:
                    micros += 1
                minutes = 0 if z == "Z" else (-1 if z[0] == "-" else 1) * (int(z[1:3]) * 60 + int(z[4:]))
                local = EPOCH + datetime.timedelta(microseconds=micros) + datetime.timedelta(minutes=minutes)
                cells.append(local.strftime("%Y-%m-%dT%H:%M:%S.%f") + z)
            values.append(micros)
    return {"double": "number", "integer": "number", "int64": "number", "text": "text"}.get(kind, "date"), cells, \
        values, option


def quote(cell, separator, always, r):
    if always or separator in cell or any(c in cell for c in '"\r\n') or cell != cell.strip():
        return '"' + cell.replace('"', '""') + '"'
    return cell


def frame(seed):
    r = random.Random(seed)
    rows = r.choice([1, 2, 3, 7, 20])
    decimal = r.choice([".", ".", ","])
    separator = r.choice([",", ",", ";", "\t", "|"]) if decimal == "." else r.choice([";", "\t", "|"])
    encoding = r.choice([None, None, None, "latin1", "windows-1252", "utf-16"])
    dialect = {"decimal": decimal, "thousands": r.choice([None, None, None, "." if decimal == "," else "'"])}
    several = rows < 3  # a separator is guessed from the lines: other candidates in cells may cut them alike
    dialect["text"] = lambda w: not any(c in w for c in ",;|\t" + ("\n" if encoding == "utf-16" else ""))
    names = r.sample(["date", "temp_max", "größe", "x y", "a", "b_2", "Total", "id"], r.randint(2, 6))
    header = r.random() < 0.8
    columns = [column(r, rows, dialect) for _ in names]
    options, types = {"separator": separator} if several or decimal == "," or r.random() < 0.5 else {}, {}
    if not header:
        names = ["column%d" % (i + 1) for i in range(len(names))]
        options["header"] = False
    for name, (kind, _, _, option) in zip(names, columns):
        if option:
            types[name] = option
        elif kind == "number" or kind == "date":
            types[name] = kind if r.random() < 0.3 else None
    types = {k: v for k, v in types.items() if v}
    if types:
        options["types"] = types
    if decimal == ",":
        options["decimal"] = ","
    if dialect["thousands"] and decimal == ".":
        options["thousands"] = dialect["thousands"]
    if encoding:
        options["encoding"] = encoding
    always = r.random() < 0.2
    end = r.choice(["\n", "\n", "\r\n"])
    lines = [[quote(n, separator, always, r) for n in names]] if header else []
    lines += [[quote(c[1][i], separator, always, r) for c in columns] for i in range(rows)]
    text = end.join(separator.join(line) for line in lines) + r.choice([end, ""])
    if r.random() < 0.1:
        options["comment"] = "#"
        text = "# made by numpy.savetxt" + end + text
    raw = text.encode({"latin1": "latin-1", "windows-1252": "cp1252", "utf-16": "utf-16"}.get(encoding, "utf-8"))
    if encoding is None and r.random() < 0.1:
        raw = b"\xef\xbb\xbf" + raw
    if r.random() < 0.1:
        raw = gzip.compress(raw, 1, mtime=0)
    expected = []
    for name, (kind, _, values, _) in zip(names, columns):
        if kind == "number":
            values = [None if v is None else repr(v) for v in values]
        elif kind == "date":
            values = [None if v is None else str(v) for v in values]
        expected.append({"name": name, "type": kind, "values": values})
    return {"seed": seed, "bytes": base64.b64encode(raw).decode(), "options": options, "columns": expected}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check")
    parser.add_argument("--write")
    a = parser.parse_args()
    lines = (json.dumps(frame(a.seed * 10**7 + i), ensure_ascii=True) + "\n" for i in range(a.frames))
    if a.write:
        with open(a.write, "w") as f:
            f.writelines(lines)
    elif a.check:
        script = __file__.replace("make_csv.py", "check_csv.lua")
        process = subprocess.Popen([a.check, script], stdin=subprocess.PIPE, text=True)
        process.stdin.writelines(lines)
        process.stdin.close()
        sys.exit(process.wait())
    else:
        sys.stdout.writelines(lines)


main()
