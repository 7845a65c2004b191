// SPDX-License-Identifier: Apache-2.0
// A program in place of a machine's firmware that proves that hardware virtualization works here:
// it enters 64-bit mode and does, a few thousand times, what kernels do and what has been seen to
// fail or to take seconds under KVM in a virtual machine: exits to the host, new page tables,
// flushes of the translation buffer, 16-byte compare-and-exchange, saving the processor's state.
// Then it ends QEMU by its test device with the status VM_ACCEL_ROM_STATUS.
#include "lrm/agents/vm_accel_rom.h"

#include <stddef.h>

#if defined(__x86_64__)

// Seen at 0xf0000 and, at reset, below 4 GiB; hence no label is used as an address by itself.
// Memory: page tables at 0x10000, the area for cmpxchg16b at 0x8000, for fxsave at 0x8100.
__asm__(".section .rodata\n"
        ".global vm_accel_rom\n"
        ".balign 16\n"
        "vm_accel_rom:\n"
        ".code16\n"
        "  cli\n"
        "  xorw %ax, %ax\n"
        "  movw %ax, %ds\n"
        "  movw $0xf000, %ax\n"
        "  movw %ax, %ds\n"
        "  lgdtl .Lrom_gdtr - vm_accel_rom\n"
        "  movl %cr0, %eax\n"
        "  orb $1, %al\n"
        "  movl %eax, %cr0\n"
        "  ljmpl $0x08, $(.Lrom_32 - vm_accel_rom + 0xf0000)\n"
        ".code32\n"
        ".Lrom_32:\n"
        "  movw $0x10, %ax\n"
        "  movw %ax, %ds\n"
        "  movw %ax, %es\n"
        "  movw %ax, %ss\n"
        "  movl $0x7000, %esp\n"
        "  movl $0x11003, 0x10000\n" // one table of each level: the first 2 MiB as they are
        "  movl $0x12003, 0x11000\n"
        "  movl $0x00083, 0x12000\n"
        "  movl %cr4, %eax\n"
        "  orl $0x220, %eax\n" // 64-bit tables, fxsave
        "  movl %eax, %cr4\n"
        "  movl $0x10000, %eax\n"
        "  movl %eax, %cr3\n"
        "  movl $0xc0000080, %ecx\n"
        "  rdmsr\n"
        "  orl $0x100, %eax\n"
        "  wrmsr\n"
        "  movl %cr0, %eax\n"
        "  orl $0x80000000, %eax\n"
        "  movl %eax, %cr0\n"
        "  ljmpl $0x18, $(.Lrom_64 - vm_accel_rom + 0xf0000)\n"
        ".code64\n"
        ".Lrom_64:\n"
        "  movl $4000, %esi\n"
        ".Lrom_loop:\n"
        "  xorl %eax, %eax\n"
        "  cpuid\n"
        "  movl %esi, %eax\n" // the second 2 MiB become another piece of memory each time
        "  andl $3, %eax\n"
        "  shll $21, %eax\n"
        "  orl $0x83, %eax\n"
        "  movl %eax, 0x12008\n"
        "  movq %cr3, %rax\n"
        "  movq %rax, %cr3\n"
        "  incl 0x300000\n"
        "  movl $0x8000, %edi\n"
        "  movq (%rdi), %rax\n"
        "  movq 8(%rdi), %rdx\n"
        "  leaq 1(%rax), %rbx\n"
        "  movq %rdx, %rcx\n"
        "  lock cmpxchg16b (%rdi)\n"
        "  fxsave64 0x100(%rdi)\n"
        "  fxrstor64 0x100(%rdi)\n"
        "  decl %esi\n"
        "  jnz .Lrom_loop\n"
        "  cmpq $4000, (%rdi)\n"
        "  jne .Lrom_end\n"
        "  movb $0x21, %al\n"
        "  outb %al, $0xf4\n"
        ".Lrom_end:\n"
        "  hlt\n"
        "  jmp .Lrom_end\n"
        ".balign 8\n"
        ".Lrom_gdt:\n"
        "  .quad 0\n"
        "  .quad 0x00cf9a000000ffff\n" // 32-bit code
        "  .quad 0x00cf92000000ffff\n" // data
        "  .quad 0x00af9a000000ffff\n" // 64-bit code
        ".Lrom_gdtr:\n"
        "  .word . - .Lrom_gdt - 1\n"
        "  .long .Lrom_gdt - vm_accel_rom + 0xf0000\n"
        "  .org vm_accel_rom + 0xfff0, 0xf4\n" // where the processor begins
        ".code16\n"
        "  ljmp $0xf000, $0\n"
        "  .org vm_accel_rom + 0x10000, 0xf4\n"
        ".code64\n"
        ".text\n");

extern const unsigned char vm_accel_rom[VM_ACCEL_ROM_BYTES];

const unsigned char *vm_accel_rom_bytes(void)
{
    return vm_accel_rom;
}

#else

const unsigned char *vm_accel_rom_bytes(void)
{
    return NULL;
}

#endif
