// SPDX-License-Identifier: Apache-2.0
// What runs inside the virtual machines of the tests: a program without an operating system, which
// QEMU loads by its multiboot header in a few milliseconds, needs almost no memory, and sleeps most
// of the time. It tells what it does on the first serial port:
//
//   VM-UP <instance>     it has started; the number is another one each time
//   VM-TICK <n>          now and then
//   VM-OFF               somebody pressed the power button, and it switches itself off
//   VM-DOUBLE            somebody else wrote to its disk
//
// With the word "count" on its command line it counts on its first IDE disk: it reads the first
// sector, which must be as it left it, and writes it anew with the next number, fifty times a
// second. Two that run on one disk, a write that got lost and a memory that is older than the disk
// are all seen by that, and noted for ever in the second sector. With the word "deaf" it does not
// hear the power button, with "fill" its memory is full of what cannot be made smaller, so that a
// live move takes its time.
//
// With "agent" it answers as QEMU's guest agent does, on the second serial port: synchronisation
// and pings. It hangs, deaf and without counting on, once the third sector of its disk has the mark
// "HAVMHANG" and the number of this start.
#include <stdint.h>

#define MULTIBOOT_MAGIC 0x1badb002u
#define MARK_COUNT      0x31544e434d564148ull // "HAVMCNT1"
#define MARK_DOUBLE     0x454c42554f444d56ull // "VMDOUBLE"
#define MARK_HANG       0x474e41484d564148ull // "HAVMHANG"

enum {
    PORT_SERIAL = 0x3f8,
    PORT_AGENT = 0x2f8,
    PORT_DISK = 0x1f0,
    PORT_PM = 0x600, // where the firmware has put it
    PORT_PIC1 = 0x20,
    PORT_PIC2 = 0xa0,
    PORT_TIMER = 0x40,
    TIMER_HZ = 1193182,
    TICKS_PER_S = 50,
    SECTOR_WORDS = 256,
    MULTIBOOT_HAS_COMMAND_LINE = 4,
};

struct multiboot_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, command_line;
};

struct record {
    uint64_t mark;
    uint64_t instance;
    uint64_t number;
    uint64_t zero[61];
};

struct gate {
    uint16_t offset_low, selector, type, offset_high;
} __attribute__((packed));

struct table {
    uint16_t limit;
    uint32_t base;
} __attribute__((packed));

__attribute__((section(".multiboot"), used)) static const uint32_t header[3] = {
    MULTIBOOT_MAGIC, 0, 0u - MULTIBOOT_MAGIC};

void guest_main(const struct multiboot_info *info);
void guest_timer(void);

__asm__(".text\n"
        ".global _start\n"
        "_start:\n"
        "  movl $guest_stack_end, %esp\n"
        "  pushl %ebx\n"
        "  call guest_main\n"
        ".global guest_timer\n"
        "guest_timer:\n"
        "  pushl %eax\n"
        "  movb $0x20, %al\n" // end of interrupt
        "  outb %al, $0x20\n"
        "  popl %eax\n"
        "  iret\n"
        ".bss\n"
        ".balign 16\n"
        "  .skip 16384\n"
        "guest_stack_end:\n"
        ".text\n");

static void out8(int port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"((uint16_t)port));
}

static void out16(int port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"((uint16_t)port));
}

static uint8_t in8(int port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"((uint16_t)port));
    return value;
}

static uint16_t in16(int port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"((uint16_t)port));
    return value;
}

static void say(const char *text)
{
    for (; *text != '\0'; text++) {
        while ((in8(PORT_SERIAL + 5) & 0x20) == 0) {
        }
        out8(PORT_SERIAL, (uint8_t)*text);
    }
}

static void say_number(const char *text, uint64_t number)
{
    char digits[17];
    for (int i = 15; i >= 0; i--) {
        digits[i] = "0123456789abcdef"[number & 15];
        number >>= 4;
    }
    digits[16] = '\0';
    say(text);
    say(digits);
    say("\n");
}

// --- The disk. ---

static void disk_begin(uint32_t sector, uint8_t command)
{
    while ((in8(PORT_DISK + 7) & 0x80) != 0) {
    }
    out8(PORT_DISK + 6, (uint8_t)(0xe0 | sector >> 24));
    out8(PORT_DISK + 2, 1);
    out8(PORT_DISK + 3, (uint8_t)sector);
    out8(PORT_DISK + 4, (uint8_t)(sector >> 8));
    out8(PORT_DISK + 5, (uint8_t)(sector >> 16));
    out8(PORT_DISK + 7, command);
}

static void disk_wait(uint8_t wanted)
{
    uint8_t status;
    do {
        status = in8(PORT_DISK + 7);
    } while ((status & 0x80) != 0 || (status & wanted) != wanted);
}

static void disk_read(uint32_t sector, struct record *record)
{
    uint16_t *words = (uint16_t *)record;
    disk_begin(sector, 0x20);
    disk_wait(0x08);
    for (int i = 0; i < SECTOR_WORDS; i++) {
        words[i] = in16(PORT_DISK);
    }
}

static void disk_write(uint32_t sector, const struct record *record)
{
    const uint16_t *words = (const uint16_t *)record;
    disk_begin(sector, 0x30);
    disk_wait(0x08);
    for (int i = 0; i < SECTOR_WORDS; i++) {
        out16(PORT_DISK, words[i]);
    }
    disk_wait(0x40);
    disk_begin(0, 0xe7); // and flush
    disk_wait(0x40);
}

// --- The counting. ---

static struct record last;
static struct record seen;

static void count_begin(uint64_t instance)
{
    disk_read(0, &seen);
    last.mark = MARK_COUNT;
    last.instance = instance;
    last.number = seen.mark == MARK_COUNT ? seen.number + 1 : 1;
    disk_write(0, &last);
}

static void count_once(void)
{
    disk_read(0, &seen);
    if (seen.mark != MARK_COUNT || seen.instance != last.instance || seen.number != last.number) {
        static struct record note;
        note.mark = MARK_DOUBLE;
        note.instance = last.instance;
        note.number = last.number;
        disk_write(1, &note);
        say_number("VM-DOUBLE instance ", seen.instance);
        say_number("VM-DOUBLE number ", seen.number);
        say_number("VM-DOUBLE expected ", last.number);
        for (;;) {
            __asm__ volatile("cli; hlt");
        }
    }
    last.number++;
    disk_write(0, &last);
}

// Hangs when somebody outside wants that of this very start.
static void hang_if_told(uint64_t instance)
{
    disk_read(2, &seen);
    if (seen.mark == MARK_HANG && seen.instance == instance) {
        say("VM-HANG\n");
        for (;;) {
            __asm__ volatile("cli; hlt");
        }
    }
}

// --- The guest agent. ---

static char question[256];
static int question_length;

static void agent_say(const char *text, int length)
{
    for (int i = 0; i < length; i++) {
        while ((in8(PORT_AGENT + 5) & 0x20) == 0) {
        }
        out8(PORT_AGENT, (uint8_t)text[i]);
    }
}

// Where the words end in the question, or 0.
static int question_find(const char *words)
{
    for (int at = 0; at < question_length; at++) {
        int length = 0;
        while (words[length] != '\0' && at + length < question_length &&
               question[at + length] == words[length]) {
            length++;
        }
        if (words[length] == '\0') {
            return at + length;
        }
    }
    return 0;
}

static void agent_answer(void)
{
    int id = question_find("\"id\":");
    if (question_find("guest-sync-delimited") != 0 && id != 0) {
        int end = id;
        while (end < question_length && question[end] >= '0' && question[end] <= '9') {
            end++;
        }
        agent_say("\xff{\"return\": ", 12);
        agent_say(question + id, end - id);
        agent_say("}\n", 2);
    } else if (question_find("guest-ping") != 0) {
        agent_say("{\"return\": {}}\n", 15);
    } else {
        static const char unknown[] = "{\"error\": {\"class\": \"CommandNotFound\", "
                                      "\"desc\": \"unknown command\"}}\n";
        agent_say(unknown, sizeof(unknown) - 1);
    }
}

static void agent_listen(void)
{
    while ((in8(PORT_AGENT + 5) & 1) != 0) {
        char byte = (char)in8(PORT_AGENT);
        if (byte == '\n') {
            agent_answer();
            question_length = 0;
        } else if ((uint8_t)byte == 0xff || question_length == (int)sizeof(question)) {
            question_length = 0; // whatever came before is forgotten
        } else {
            question[question_length++] = byte;
        }
    }
}

// --- The machine. ---

static const uint64_t segments[3] = {0, 0x00cf9a000000ffffull, 0x00cf92000000ffffull};
static struct gate gates[0x21];

static void timer_begin(void)
{
    const struct table segment_table = {sizeof(segments) - 1, (uint32_t)segments};
    const struct table gate_table = {sizeof(gates) - 1, (uint32_t)gates};
    uint32_t entry = (uint32_t)guest_timer;
    gates[0x20] = (struct gate){(uint16_t)entry, 8, 0x8e00, (uint16_t)(entry >> 16)};
    __asm__ volatile("lgdt %0\n"
                     "ljmp $8, $1f\n"
                     "1:\n"
                     "movw $16, %%ax\n"
                     "movw %%ax, %%ds\n"
                     "movw %%ax, %%es\n"
                     "movw %%ax, %%ss\n"
                     "lidt %1\n"
                     :
                     : "m"(segment_table), "m"(gate_table)
                     : "eax", "memory");
    out8(PORT_PIC1, 0x11);
    out8(PORT_PIC1 + 1, 0x20);
    out8(PORT_PIC1 + 1, 4);
    out8(PORT_PIC1 + 1, 1);
    out8(PORT_PIC1 + 1, 0xfe); // only the timer
    out8(PORT_PIC2 + 1, 0xff);
    out8(PORT_TIMER + 3, 0x34);
    out8(PORT_TIMER, (uint8_t)(TIMER_HZ / TICKS_PER_S));
    out8(PORT_TIMER, (uint8_t)(TIMER_HZ / TICKS_PER_S >> 8));
}

static int has_word(const struct multiboot_info *info, const char *word)
{
    if ((info->flags & MULTIBOOT_HAS_COMMAND_LINE) == 0) {
        return 0;
    }
    for (const char *at = (const char *)info->command_line; *at != '\0'; at++) {
        int length = 0;
        while (word[length] != '\0' && at[length] == word[length]) {
            length++;
        }
        if (word[length] == '\0') {
            return 1;
        }
    }
    return 0;
}

static void fill(const struct multiboot_info *info)
{
    uint32_t value = 1;
    uint32_t end = (info->mem_upper << 10) & ~0xfffu; // counted from 1 MiB: leaves the last one
    for (uint32_t at = 0x200000; at < end; at += sizeof(value)) {
        value = value * 1664525u + 1013904223u;
        *(volatile uint32_t *)at = value;
    }
}

void guest_main(const struct multiboot_info *info)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    uint64_t instance = (uint64_t)high << 32 | low;
    int counts = has_word(info, "count");
    int deaf = has_word(info, "deaf");
    int has_agent = has_word(info, "agent");
    if (has_word(info, "fill")) {
        fill(info);
    }
    if (has_agent) {
        out8(PORT_AGENT + 2, 1); // more than a byte at a time
    }
    timer_begin();
    out16(PORT_PM + 2, 1 << 8); // tell of the power button
    say_number("VM-UP ", instance);
    if (counts) {
        count_begin(instance);
    }
    for (uint64_t tick = 1;; tick++) {
        __asm__ volatile("sti; hlt; cli");
        if (counts) {
            count_once();
        }
        if (has_agent) {
            agent_listen();
            hang_if_told(instance);
        }
        if (tick % (TICKS_PER_S / 5) == 0) {
            say_number("VM-TICK ", tick);
        }
        if (!deaf && (in16(PORT_PM) & 1 << 8) != 0) {
            say("VM-OFF\n");
            out16(PORT_PM + 4, 1 << 13);
        }
    }
}
