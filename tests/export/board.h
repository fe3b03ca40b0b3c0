/* board.h: what a bare Cortex-M or AVR needs around the main of an exported program, in front of which it is included
 * (-include board.h): vectors, the coprocessor, a place for printf to go. */
#if defined(__arm__)
#include <stdint.h>
extern void _start(void);
extern uint32_t board_stack[];
static void board_reset(void) {
#if defined(__ARM_FP)
  *(volatile uint32_t *)0xE000ED88u |= 0xfu << 20; /* CPACR: the floating-point unit is on */
  __asm__ volatile("dsb\n isb");
#endif
  _start();
}
static void board_fault(void) {
  for (;;) __asm__ volatile("bkpt 0xab" : : : "memory");
}
__attribute__((section(".vectors"), used)) static void *const board_vectors[16] = {
    (void *)board_stack, (void *)board_reset, (void *)board_fault, (void *)board_fault, (void *)board_fault,
    (void *)board_fault, (void *)board_fault};
#elif defined(__AVR__)
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <stdio.h>
static int board_put(char c, FILE *to) {
  (void)to;
  while (!(UCSR0A & (1 << UDRE0))) {}
  UDR0 = (uint8_t)c;
  return 0;
}
static FILE board_out;
__attribute__((constructor)) static void board_start(void) {
  UCSR0B = 1 << TXEN0;
  fdev_setup_stream(&board_out, board_put, NULL, _FDEV_SETUP_WRITE);
  stdout = &board_out;
}
/* Asleep without interrupts: a simulator ends there. */
__attribute__((naked, used, section(".fini1"))) static void board_end(void) {
  cli();
  sleep_enable();
  sleep_cpu();
}
#endif
