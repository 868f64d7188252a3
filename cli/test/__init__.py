"""`tm test`: the gate that every change passes."""
