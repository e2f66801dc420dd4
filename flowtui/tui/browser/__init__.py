"""What is on Flow, as a tree to walk and mark, and the details of what is under the cursor."""
