/* The inner loops of reading histories, compiled: the twins of functions in Python that give the same.

   Every function takes whole buffers and positions in them, and checks each position before it looks there:
   what the buffers hold is data of unknown origin. Which function has which twin: `autoloop.history.compiled`.
*/
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <float.h>
#include <stdint.h>
#include <string.h>

/* Tables of int64 that grow, a few columns wide. */

typedef struct {
    int64_t *data;
    Py_ssize_t size, room; /* numbers in it, and for how many there is memory */
} Table;

static int add_row(Table *table, int width, const int64_t *row)
{
    if (table->size + width > table->room) {
        Py_ssize_t room = table->room ? 2 * table->room : 1024;
        int64_t *data = PyMem_Realloc(table->data, (size_t)room * sizeof(int64_t));
        if (!data) {
            PyErr_NoMemory();
            return -1;
        }
        table->data = data;
        table->room = room;
    }
    memcpy(table->data + table->size, row, (size_t)width * sizeof(int64_t));
    table->size += width;
    return 0;
}

static PyObject *as_bytes(const Table *table)
{
    return PyBytes_FromStringAndSize((const char *)table->data, table->size * (Py_ssize_t)sizeof(int64_t));
}

/* Stretches of a buffer: first bytes, and the bytes after the last, as two arrays of int64. */

typedef struct {
    Py_buffer data, starts, stops;
    Py_ssize_t count;
} Stretches;

static void release(Stretches *given)
{
    PyBuffer_Release(&given->data);
    PyBuffer_Release(&given->starts);
    PyBuffer_Release(&given->stops);
}

static int check(Stretches *given)
{
    const int64_t *starts = given->starts.buf, *stops = given->stops.buf;
    given->count = given->starts.len / (Py_ssize_t)sizeof(int64_t);
    int good = given->starts.len == given->stops.len;
    for (Py_ssize_t at = 0; good && at < given->count; at++)
        good = 0 <= starts[at] && starts[at] <= stops[at] && stops[at] <= given->data.len;
    if (good)
        return 0;
    release(given);
    PyErr_SetString(PyExc_ValueError, "a stretch lies outside of the buffer");
    return -1;
}

/* zlib's CRC-32, sixteen bytes at a time by a table for each of them
   (Kounavis and Berry, A systematic approach to building high performance software-based CRC generators). */

enum { LANES = 16 };
static uint32_t sums[LANES][256];

static void fill_sums(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t sum = byte;
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xEDB88320 : 0);
        sums[0][byte] = sum;
    }
    for (int lane = 1; lane < LANES; lane++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t before = sums[lane - 1][byte];
            sums[lane][byte] = before >> 8 ^ sums[0][before & 0xFF];
        }
}

static uint32_t crc32(const uint8_t *data, Py_ssize_t size)
{
    uint32_t sum = 0xFFFFFFFF;
    for (; size >= LANES; data += LANES, size -= LANES) {
        uint32_t next = 0;
        sum ^= data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
        for (int at = 0; at < 4; at++)
            next ^= sums[LANES - 1 - at][sum >> 8 * at & 0xFF];
        for (int at = 4; at < LANES; at++)
            next ^= sums[LANES - 1 - at][data[at]];
        sum = next;
    }
    for (; size > 0; data++, size--)
        sum = sum >> 8 ^ sums[0][(sum ^ *data) & 0xFF];
    return ~sum;
}

/* full_chunks(piece, pos, end): the records of whole chunks from ``pos`` on, int64 pairs of first byte and byte
   after, behind where the first chunk begins that is none, or not readable. */

enum { HEADER_BYTES = 7, FULL = 1 };

static PyObject *full_chunks(PyObject *self, PyObject *args)
{
    Py_buffer piece;
    Py_ssize_t pos, end;
    if (!PyArg_ParseTuple(args, "y*nn", &piece, &pos, &end))
        return NULL;
    Table places = {0};
    int failed = pos < 0 || end > piece.len;
    if (failed)
        PyErr_SetString(PyExc_ValueError, "a block lies outside of the piece");
    while (!failed && end - pos >= HEADER_BYTES) {
        const uint8_t *head = (uint8_t *)piece.buf + pos;
        uint32_t sum = head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
        Py_ssize_t length = head[4] | head[5] << 8, stop = pos + HEADER_BYTES + length;
        if (head[6] != FULL || stop > end || crc32(head + 6, length + 1) != sum)
            break;
        failed = add_row(&places, 2, (int64_t[]){pos + HEADER_BYTES, stop});
        pos = stop;
    }
    PyObject *found = failed ? NULL : Py_BuildValue("nN", pos, as_bytes(&places));
    PyMem_Free(places.data);
    PyBuffer_Release(&piece);
    return found;
}

/* Names: stretches of key fields and the name that each stands for, in a table of open addresses. */

typedef struct {
    const uint8_t *key; /* NULL: nothing is here */
    Py_ssize_t size;
    uint64_t hash;
    int64_t name;
} Place;

typedef struct {
    Place *places;
    size_t count, mask;
} Names;

static uint64_t hash_of(const uint8_t *key, Py_ssize_t size)
{
    uint64_t hash = (uint64_t)size, word;
    for (; size >= 8; key += 8, size -= 8) {
        memcpy(&word, key, 8);
        hash = (hash ^ word) * 0x9E3779B97F4A7C15;
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, key, (size_t)size);
    hash = (hash ^ word) * 0x9E3779B97F4A7C15;
    return hash ^ hash >> 32;
}

/* The place of a key, or the empty one where it belongs. */
static Place *place_of(const Names *names, const uint8_t *key, Py_ssize_t size)
{
    uint64_t hash = hash_of(key, size);
    for (size_t at = hash & names->mask;; at = (at + 1) & names->mask) {
        Place *place = &names->places[at];
        if (!place->key)
            place->hash = hash;
        if (!place->key || (place->hash == hash && place->size == size && !memcmp(place->key, key, (size_t)size)))
            return place;
    }
}

static int resize(Names *names, size_t room)
{
    Names larger = {PyMem_Calloc(room, sizeof(Place)), names->count, room - 1};
    if (!larger.places) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t at = 0; names->places && at <= names->mask; at++)
        if (names->places[at].key)
            *place_of(&larger, names->places[at].key, names->places[at].size) = names->places[at];
    PyMem_Free(names->places);
    *names = larger;
    return 0;
}

static int put_name(Names *names, const uint8_t *key, Py_ssize_t size, int64_t name)
{
    if (2 * (names->count + 1) > names->mask && resize(names, 2 * (names->mask + 1)))
        return -1;
    Place *place = place_of(names, key, size);
    names->count += !place->key;
    place->key = key;
    place->size = size;
    place->name = name;
    return 0;
}

/* Put what is known into the table; ``pairs`` keeps the keys alive. */
static int put_known(Names *names, PyObject *pairs)
{
    if (resize(names, 64))
        return -1;
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(pairs); at++) {
        char *key;
        Py_ssize_t size;
        PyObject *pair = PyList_GET_ITEM(pairs, at);
        long long name = PyLong_AsLongLong(PyTuple_GET_ITEM(pair, 1));
        if (PyErr_Occurred() || PyBytes_AsStringAndSize(PyTuple_GET_ITEM(pair, 0), &key, &size) ||
            put_name(names, (uint8_t *)key, size, name))
            return -1;
    }
    return 0;
}

/* Walking: the fields of many records. See `autoloop.history.wandb.walk` for their form. */

enum { ITEM = 0x0A, SECOND = 0x12, KEY = 0x0A, NESTED = 0x12, MOST_PARTS = 4, SHORT = 0x80, WAY_WORDS = 5 };
enum { FEW_WAYS = 16 }; /* to try them all is less than to look a key up */

typedef struct {
    const uint8_t *data;
    Py_ssize_t size;
    const uint64_t *ways; /* how what is asked for may begin: mask, value, offset, next mask, next value */
    Py_ssize_t ways_count; /* negative: anything may be asked for */
    PyObject *learn;
    Names names;
    Table items, unusual, second;
} Walk;

/* Read a length; return the position after it, -1 if it does not end before ``stop``. */
static int64_t read_length(const uint8_t *data, int64_t pos, int64_t stop, int64_t *length)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 63 && pos < stop; shift += 7) {
        uint8_t byte = data[pos++];
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *length = (int64_t)value;
            return pos;
        }
    }
    return -1;
}

/* Where the key fields of an item end; -1 if they are not one key, or up to four nested ones, before a value. */
static int64_t key_end(const uint8_t *data, int64_t pos, int64_t stop)
{
    for (int part = 0; part < MOST_PARTS; part++) {
        if (stop - pos < 2 || (data[pos] != NESTED && (part || data[pos] != KEY)) || data[pos + 1] >= SHORT)
            return -1;
        pos += 2 + data[pos + 1];
        if (pos >= stop)
            return -1;
        if (data[pos] != NESTED)
            return data[pos] == KEY ? -1 : pos;
    }
    return -1;
}

static int may_matter(const Walk *walk, int64_t start)
{
    if (walk->ways_count < 0 || walk->size - start < 8 ||
        (walk->data[start] != NESTED && walk->data[start] != KEY))
        return 1;
    uint64_t first, next;
    memcpy(&first, walk->data + start, 8);
    for (Py_ssize_t at = 0; at < walk->ways_count; at++) {
        const uint64_t *way = walk->ways + at * WAY_WORDS;
        if ((first & way[0]) != way[1])
            continue;
        if (way[2] > (uint64_t)(walk->size - start - 8))
            return 1;
        memcpy(&next, walk->data + start + way[2], 8);
        if ((next & way[3]) == way[4])
            return 1;
    }
    return 0;
}

/* Find the name of some key fields, or learn it. */
static int name_of(Walk *walk, int64_t start, int64_t stop, int64_t *name)
{
    const uint8_t *key = walk->data + start;
    *name = -1;
    if (walk->ways_count <= FEW_WAYS && !may_matter(walk, start))
        return 0;
    Place *place = place_of(&walk->names, key, stop - start);
    if (place->key) {
        *name = place->name;
        return 0;
    }
    if (walk->ways_count <= FEW_WAYS || may_matter(walk, start)) {
        PyObject *found = PyObject_CallFunction(walk->learn, "y#", (const char *)key, (Py_ssize_t)(stop - start));
        *name = found ? PyLong_AsLongLong(found) : -1;
        Py_XDECREF(found);
        if (PyErr_Occurred())
            return -1;
    }
    return put_name(&walk->names, key, stop - start, *name);
}

static int take_item(Walk *walk, int64_t row, int64_t start, int64_t stop)
{
    const uint8_t *data = walk->data;
    int64_t end = key_end(data, start, stop), value = end, length, name;
    if (end < 0) {
        int skipped = stop - start >= 2 && stop - start < SHORT && !may_matter(walk, start);
        return skipped ? 0 : add_row(&walk->unusual, 3, (int64_t[]){row, start, stop});
    }
    if (name_of(walk, start, end, &name))
        return -1;
    if (name < 0)
        return 0;
    if (stop - end > 2 && data[end] == 0x82 && data[end + 1] == 0x01) { /* the tag of a JSON value */
        int64_t text = read_length(data, end + 2, stop, &length);
        if (text >= 0 && length > 0 && length == stop - text)
            value = text;
    }
    return add_row(&walk->items, 6, (int64_t[]){row, start, end, value, stop, name});
}

/* Take the fields of one record; return 1 if it has any but fields 1 and 2, or none, -1 for an error. */
static int take_record(Walk *walk, int64_t row, int64_t pos, int64_t stop)
{
    int odd = pos == stop;
    while (!odd && pos < stop) {
        uint8_t tag = walk->data[pos];
        int64_t length, start = read_length(walk->data, pos + 1, stop, &length);
        odd = (tag != ITEM && tag != SECOND) || start < 0 || length > stop - start;
        if (odd)
            break;
        pos = start + length;
        if (tag == ITEM ? take_item(walk, row, start, pos) : add_row(&walk->second, 3, (int64_t[]){row, start, pos}))
            return -1;
    }
    return odd;
}

static int take_all(Walk *walk, const Stretches *given, uint8_t *odd)
{
    const int64_t *starts = given->starts.buf, *stops = given->stops.buf;
    for (Py_ssize_t row = 0; row < given->count; row++) {
        Py_ssize_t items = walk->items.size, unusual = walk->unusual.size, second = walk->second.size;
        int found = take_record(walk, row, starts[row], stops[row]);
        if (found < 0)
            return -1;
        odd[row] = (uint8_t)found;
        if (found) { /* none of its fields is listed */
            walk->items.size = items;
            walk->unusual.size = unusual;
            walk->second.size = second;
        }
    }
    return 0;
}

/* asked_fields(buffer, starts, stops, known, learn, ways): where in the records is what is asked for.

   Returns tables of int64, row by row: items (row, start, key_stop, value, stop, name), items of unusual forms
   and fields 2 (row, start, stop); and a byte for each record that is odd. */
static PyObject *asked_fields(PyObject *self, PyObject *args)
{
    Stretches given;
    Py_buffer ways;
    PyObject *known, *learn, *found = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*O!Oz*", &given.data, &given.starts, &given.stops, &PyDict_Type, &known,
                          &learn, &ways))
        return NULL;
    if (check(&given)) {
        PyBuffer_Release(&ways);
        return NULL;
    }
    Walk walk = {.data = given.data.buf, .size = given.data.len, .ways = ways.buf, .learn = learn};
    walk.ways_count = ways.buf ? ways.len / (Py_ssize_t)(WAY_WORDS * sizeof(uint64_t)) : -1;
    PyObject *pairs = PyDict_Items(known), *odd = PyBytes_FromStringAndSize(NULL, given.count);
    if (pairs && odd && !put_known(&walk.names, pairs) &&
        !take_all(&walk, &given, (uint8_t *)PyBytes_AS_STRING(odd)))
        found = Py_BuildValue("NNNO", as_bytes(&walk.items), as_bytes(&walk.unusual), as_bytes(&walk.second), odd);
    Py_XDECREF(pairs);
    Py_XDECREF(odd);
    PyMem_Free(walk.names.places);
    PyMem_Free(walk.items.data);
    PyMem_Free(walk.unusual.data);
    PyMem_Free(walk.second.data);
    PyBuffer_Release(&ways);
    release(&given);
    return found;
}

/* Decimals: see `autoloop.history.numbers` for why the one division, or multiplication, is exact enough. */

enum { MOST_DIGITS = 19, MOST_POWER = 27 }; /* 10**19 < 2**64, 5**27 < 2**63 */
static long double powers[MOST_POWER + 1];

/* Read the exponent from ``at`` on; return 0 if there is none, or a long one. */
static int read_exponent(const uint8_t *at, const uint8_t *stop, int *exponent)
{
    int negative = at < stop && *at == '-', value = 0;
    at += at < stop && (*at == '-' || *at == '+');
    if (at == stop || stop - at > 3)
        return 0;
    for (; at < stop; at++) {
        if (*at < '0' || *at > '9')
            return 0;
        value = 10 * value + (*at - '0');
    }
    *exponent = negative ? -value : value;
    return 1;
}

/* Read a decimal; return 0 if it is none, or of another form, or if one rounding is not enough. */
static int decimal(const uint8_t *at, const uint8_t *stop, double *found)
{
    uint64_t whole = 0, mantissa;
    int digits = 0, seen = 0, point = 0, power = 0, exponent = 0, negative = at < stop && *at == '-';
    for (at += negative; at < stop; at++) {
        unsigned digit = (unsigned)*at - '0';
        if (digit <= 9) {
            digits += digits || digit;
            if (digits > MOST_DIGITS)
                return 0;
            whole = 10 * whole + digit;
            seen = 1;
            power -= point;
        } else if (*at == '.' && !point)
            point = 1;
        else if ((*at == 'e' || *at == 'E') && seen) {
            if (!read_exponent(at + 1, stop, &exponent))
                return 0;
            break;
        } else
            return 0;
    }
    power += exponent;
    if (LDBL_MANT_DIG != 64 || !seen || power < -MOST_POWER || power > MOST_POWER)
        return 0;
    long double value = power < 0 ? (long double)whole / powers[-power] : (long double)whole * powers[power];
    memcpy(&mantissa, &value, sizeof mantissa); /* of the 64 bits a double keeps 53 */
    if ((mantissa & 0x7FF) == 0x400)
        return 0;
    *found = negative ? -(double)value : (double)value;
    return 1;
}

/* Read a number as Python does where the short way does not; return 0 if it is none, or has other letters. */
static int number(const uint8_t *at, const uint8_t *stop, double *found)
{
    char text[64], *end;
    Py_ssize_t size = stop - at;
    if (decimal(at, stop, found))
        return 1;
    if (size == 0 || size >= (Py_ssize_t)sizeof text)
        return 0;
    for (Py_ssize_t place = 0; place < size; place++)
        if (!at[place] || !strchr("0123456789+-.eE", at[place]))
            return 0;
    memcpy(text, at, (size_t)size);
    text[size] = 0;
    *found = PyOS_string_to_double(text, &end, NULL);
    if (*found == -1.0 && PyErr_Occurred()) {
        PyErr_Clear();
        return 0;
    }
    return end == text + size;
}

/* decimals(buffer, starts, stops): texts as doubles, and a byte for each that tells whether it was read. */
static PyObject *decimals(PyObject *self, PyObject *args)
{
    Stretches given;
    if (!PyArg_ParseTuple(args, "y*y*y*", &given.data, &given.starts, &given.stops) || check(&given))
        return NULL;
    PyObject *values = PyByteArray_FromStringAndSize(NULL, given.count * (Py_ssize_t)sizeof(double));
    PyObject *right = PyByteArray_FromStringAndSize(NULL, given.count), *found = NULL;
    if (values && right) {
        const int64_t *starts = given.starts.buf, *stops = given.stops.buf;
        const uint8_t *data = given.data.buf;
        for (Py_ssize_t at = 0; at < given.count; at++) {
            double value = 0;
            int read = number(data + starts[at], data + stops[at], &value);
            PyByteArray_AS_STRING(right)[at] = (char)read;
            memcpy(PyByteArray_AS_STRING(values) + at * (Py_ssize_t)sizeof value, &value, sizeof value);
        }
        found = PyTuple_Pack(2, values, right);
    }
    Py_XDECREF(values);
    Py_XDECREF(right);
    release(&given);
    return found;
}

/* Whether none of eight bytes is below '-', an underscore or a delimiter: these are digits, signs, points, letters
   (https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord). */
static int all_plain(const uint8_t *text, uint64_t delimiters)
{
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    uint64_t word, line, other;
    memcpy(&word, text, 8);
    line = word ^ '_' * ones;
    other = word ^ delimiters;
    return !((((word - '-' * ones) & ~word) | ((line - ones) & ~line) | ((other - ones) & ~other)) & highs);
}

/* cells(data, delimiter, columns, wanted): where the cells of the ``wanted`` columns lie in the lines of a
   table, int64 pairs of first byte and byte after, line by line; and the doubles they spell, None if one is no
   decimal. None alone if a line has not ``columns`` cells, or a byte that needs more thought: a quote, an
   underscore, a zero byte. */
static PyObject *cells(PyObject *self, PyObject *args)
{
    Py_buffer data, wanted;
    char delimiter;
    Py_ssize_t columns;
    if (!PyArg_ParseTuple(args, "y*cny*", &data, &delimiter, &columns, &wanted))
        return NULL;
    enum { PLAIN, DELIMITER, LINE, ODD };
    uint8_t kinds[256] = {['"'] = ODD, ['_'] = ODD, [0] = ODD, ['\n'] = LINE};
    kinds[(uint8_t)delimiter] = DELIMITER;
    const uint64_t delimiters = (uint8_t)delimiter * (uint64_t)0x0101010101010101;
    const uint8_t *text = data.buf, *is_wanted = wanted.buf;
    Table places = {0}, values = {0};
    int64_t pair[2] = {0, 0}, bits;
    double value;
    Py_ssize_t column = 0;
    int good = wanted.len == columns, failed = 0, decimals = 1;
    for (Py_ssize_t pos = 0; good && !failed; pos++) {
        while (data.len - pos >= 8 && all_plain(text + pos, delimiters))
            pos += 8;
        while (pos < data.len && kinds[text[pos]] == PLAIN)
            pos++;
        if (pos == data.len)
            break;
        int kind = kinds[text[pos]];
        good = kind != ODD && column < columns && (kind == LINE) == (column == columns - 1);
        pair[1] = kind == LINE && pos > pair[0] && text[pos - 1] == '\r' ? pos - 1 : pos;
        if (good && is_wanted[column]) {
            decimals = decimals && number(text + pair[0], text + pair[1], &value);
            if (decimals)
                memcpy(&bits, &value, sizeof bits);
            failed = add_row(&places, 2, pair) || (decimals && add_row(&values, 1, &bits));
        }
        pair[0] = pos + 1;
        column = kind == LINE ? 0 : column + 1;
    }
    good = good && pair[0] == data.len;
    PyObject *found = failed ? NULL : Py_NewRef(Py_None);
    if (found && good) {
        Py_DECREF(found);
        found = Py_BuildValue("NN", as_bytes(&places), decimals ? as_bytes(&values) : Py_NewRef(Py_None));
    }
    PyMem_Free(places.data);
    PyMem_Free(values.data);
    PyBuffer_Release(&data);
    PyBuffer_Release(&wanted);
    return found;
}

static PyMethodDef methods[] = {
    {"asked_fields", asked_fields, METH_VARARGS, NULL}, {"cells", cells, METH_VARARGS, NULL},
    {"decimals", decimals, METH_VARARGS, NULL},         {"full_chunks", full_chunks, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_walk", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__walk(void)
{
    fill_sums();
    powers[0] = 1;
    for (int at = 1; at <= MOST_POWER; at++)
        powers[at] = 10 * powers[at - 1];
    return PyModule_Create(&module);
}
