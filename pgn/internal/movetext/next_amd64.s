//go:build amd64 && !noasm

#include "textflag.h"

// The bytes that are looked for; see Next.
DATA bytes<>+0(SB)/8, $"\n[-\xfc0\x011\""
DATA bytes<>+8(SB)/8, $"*{\x00\x00\x00\x00\x00\x00"
GLOBL bytes<>(SB), RODATA|NOPTR, $16

// func nextAVX2(b []byte, i int) (at int, brace, found bool)
TEXT ·nextAVX2(SB), NOSPLIT, $0-42
	MOVQ b_base+0(FP), SI
	MOVQ b_len+8(FP), CX
	MOVQ i+24(FP), AX
	SUBQ $33, CX             // the last place with 32 bytes and the one after them
	XORL R10, R10            // braces
	XORL R13, R13            // found
	VPBROADCASTB bytes<>+0(SB), Y8
	VPBROADCASTB bytes<>+1(SB), Y9
	VPBROADCASTB bytes<>+2(SB), Y10
	VPBROADCASTB bytes<>+3(SB), Y11
	VPBROADCASTB bytes<>+4(SB), Y12
	VPBROADCASTB bytes<>+5(SB), Y13
	VPBROADCASTB bytes<>+6(SB), Y14
	VPBROADCASTB bytes<>+7(SB), Y15
	VPBROADCASTB bytes<>+8(SB), Y7
	VPBROADCASTB bytes<>+9(SB), Y6

loop:
	CMPQ AX, CX
	JGT  done
	VMOVDQU (SI)(AX*1), Y0
	VMOVDQU -1(SI)(AX*1), Y1
	VMOVDQU 1(SI)(AX*1), Y2

	// a line feed before a bracket
	VPCMPEQB Y0, Y8, Y3
	VPCMPEQB Y2, Y9, Y4
	VPAND    Y3, Y4, Y3

	// a dash after 0 to 3 and before 0 or 1
	VPCMPEQB Y0, Y10, Y4
	VPAND    Y1, Y11, Y5
	VPCMPEQB Y5, Y12, Y5
	VPAND    Y4, Y5, Y4
	VPOR     Y2, Y13, Y5
	VPCMPEQB Y5, Y14, Y5
	VPAND    Y4, Y5, Y4
	VPOR     Y3, Y4, Y3

	// a quote, an asterisk
	VPCMPEQB Y0, Y15, Y4
	VPOR     Y3, Y4, Y3
	VPCMPEQB Y0, Y7, Y4
	VPOR     Y3, Y4, Y3

	VPCMPEQB  Y0, Y6, Y4
	VPMOVMSKB Y3, R8
	VPMOVMSKB Y4, R9
	TESTL     R8, R8
	JNZ       hit
	ORL       R9, R10
	ADDQ      $32, AX
	JMP       loop

hit:
	// Only braces before the place count.
	MOVL R8, R12
	NEGL R12
	ANDL R8, R12
	DECL R12
	ANDL R12, R9
	ORL  R9, R10
	BSFL R8, R11
	ADDQ R11, AX
	MOVL $1, R13

done:
	VZEROUPPER
	MOVQ  AX, at+32(FP)
	TESTL R10, R10
	SETNE brace+40(FP)
	MOVB  R13, found+41(FP)
	RET
